// Joins the keys, the strip and the panel to the phone's model.

import { bytes, define } from "./definitions.js";
import { Keyboard } from "./keyboard.js";
import { Learning } from "./learning.js";
import { Message } from "./message.js";
import { Phone } from "./phone.js";
import { Strip } from "./strip.js";

const at = (selector) => document.querySelector(selector);

export const phone = new Phone();
const message = new Message();
const sent = [];
const saved = { keystrokes: 0, characters: 0 };
let shown = { text: "", words: [], letters: "" };
let asked = 0;
let facts = [];

const strip = new Strip(at(".strip"), accept);
const keyboard = new Keyboard(at(".keys"), { type, erase, send });

function type(character) {
  message.type(character);
  written();
}

function erase() {
  message.erase();
  written();
}

function accept(word) {
  if (shown.text !== message.text) return; // a key came first: other words are on their way
  message.accept(word, shown.letters);
  written();
}

function send() {
  const text = message.text.trim();
  if (!text) return;
  const bubble = document.createElement("li");
  bubble.textContent = text;
  at(".thread").append(bubble);
  at(".thread").scrollTop = at(".thread").scrollHeight;
  sent.push(text);
  saved.keystrokes += message.keystrokes;
  saved.characters += text.length;
  message.clear();
  written();
}

/** Draw the message, and ask for the words after it. */
async function written() {
  at(".draft").textContent = message.text;
  at(".composer").scrollTop = at(".composer").scrollHeight;
  keyboard.shift = message.beginsSentence;
  const { text } = message;
  const number = (asked += 1);
  const began = performance.now();
  try {
    const { milliseconds, ...found } = await phone.ask("suggest", text);
    if (number !== asked) return; // another key came meanwhile
    shown = { text, ...found };
    strip.show(shown.words.map((word) => (capital() ? capitalised(word) : word)));
    tell(milliseconds, performance.now() - began);
  } catch (error) {
    strip.say(`The model failed: ${error.message}`);
  }
}

/** Whether a suggestion is to begin with a capital: at a sentence's start, or as it was typed. */
function capital() {
  return shown.letters ? /^\p{Lu}/u.test(message.lastWord) : keyboard.shift;
}

function capitalised(word) {
  const [first, ...rest] = word;
  return first.toUpperCase() + rest.join("");
}

function tell(modelMs, stripMs) {
  const keys = saved.keystrokes + message.keystrokes;
  const characters = saved.characters + message.text.length;
  const share = characters ? Math.round(100 * (1 - keys / characters)) : 0;
  define(at(".facts"), [
    ...facts,
    ["key to strip", `${stripMs.toFixed(1)} ms, the model ${modelMs.toFixed(1)} ms`],
    ["keys pressed", `${keys} for ${characters} characters${share > 0 ? `: ${share}% saved` : ""}`],
  ]);
}

/** Keys of a real keyboard, unless a field of the panel has the focus. */
document.addEventListener("keydown", (event) => {
  const { key, ctrlKey, metaKey, altKey, target, isComposing } = event;
  if (ctrlKey || metaKey || altKey || isComposing || target.closest("input, button")) return;
  if (key === "Backspace") erase();
  else if (key === "Enter") send();
  else if (key === "Tab" && !event.shiftKey && message.text && strip.words.length) {
    accept(strip.words[0]);
  } else if ([...key].length === 1) type(key);
  else return;
  event.preventDefault();
});

function about(manifest) {
  const recall = manifest.recall_at_3;
  return [
    ["experiment", `${manifest.experiment}, seed ${manifest.seed}, version ${manifest.version}`],
    ["text", [fileName(manifest.text), manifest.text_licence].filter(Boolean).join("; ")],
    ["model", `${manifest.model}, ${manifest.parameters.toLocaleString("en")} parameters`],
    ["predict.onnx", bytes(manifest.files["predict.onnx"].bytes)],
    ["words", manifest.words.toLocaleString("en")],
    ["right among three", recall === null ? "unknown" : `${(100 * recall).toFixed(1)}% of words`],
  ];
}

/** A path's last part: whose disk it lay on is nobody's business. */
function fileName(path) {
  return path.split(/[\\/]/).at(-1);
}

/** Everything is kept for use without a network; a page from a file, or insecure, does without. */
async function keep() {
  if ("serviceWorker" in navigator && isSecureContext) {
    await navigator.serviceWorker.register("service_worker.js", { updateViaCache: "none" });
    await navigator.serviceWorker.ready;
  }
}

strip.say("Loading the model");
try {
  const manifest = await phone.ask("load");
  facts = about(manifest);
  const page = { messages: () => sent, changed: written };
  new Learning(at(".learning"), phone, page, manifest.training);
  await written();
  document.body.dataset.readyMs = Math.round(performance.now());
  await keep().then(
    () => (document.body.dataset.kept = ""),
    (error) => console.warn(`not kept for use offline: ${error.message}`),
  );
} catch (error) {
  strip.say(`The keyboard cannot start: ${error.message}`);
  document.body.dataset.fault = error.message;
}
