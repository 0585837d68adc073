// The phone's side of the page: model, words and learning, away from the thread that draws.
// It answers one message after another and sends nothing anywhere but to the page.

import { Model } from "./model.js";
import { readSafetensors } from "./safetensors.js";
import { Suggestions } from "./suggestions.js";
import { measureUpdate } from "./update.js";
import { Vocabulary } from "./vocabulary.js";
import { words } from "./words.js";

const from = (name) => new URL(`./model/${name}`, import.meta.url);

async function read(name, kind) {
  const response = await fetch(from(name));
  if (!response.ok) throw new Error(`model/${name}: ${response.status} ${response.statusText}`);
  return response[kind]();
}

let model, vocabulary, suggestions;

const answers = {
  async load() {
    const [predict, trainStep, parameters, list, manifest] = await Promise.all([
      read("predict.onnx", "arrayBuffer"),
      read("train_step.onnx", "arrayBuffer"),
      read("parameters.safetensors", "arrayBuffer"),
      read("words.txt", "text"),
      read("manifest.json", "json"),
    ]);
    vocabulary = new Vocabulary(list);
    model = await Model.load({ predict, trainStep }, readSafetensors(parameters));
    suggestions = new Suggestions(model, vocabulary);
    return manifest;
  },

  /** The words to show after a text, best first, and how long that took here. */
  async suggest(text) {
    const began = performance.now();
    const found = await suggestions.after(text);
    return { ...found, milliseconds: performance.now() - began };
  },

  /** The log-probability of every token after a text of whole words. */
  logProbabilities(text) {
    return suggestions.logProbabilities(words(text));
  },

  /** Learn from messages, in the order given. */
  async learn({ messages, ...plan }) {
    const rows = messages.map((text) => vocabulary.encode(words(text))).filter((row) => row.length);
    if (!rows.length) throw new Error("there is no word in what was typed");
    const before = await model.loss(rows);
    const began = performance.now();
    const steps = await model.train(rows, plan);
    const milliseconds = performance.now() - began;
    suggestions.clear();
    const after = await model.loss(rows);
    const { installed, now } = model.parameters;
    const update = await measureUpdate(installed, now);
    return { before, after, steps, tokens: rows.flat().length, milliseconds, update };
  },

  /** Go back to the parameters as installed. */
  async forget() {
    await model.forget();
    suggestions.clear();
  },

  /** The parameters as they are now. */
  parameters() {
    return model.parameters.now;
  },
};

// One at a time: a step must not meet a prediction half way.
let turn = Promise.resolve();
self.onmessage = ({ data: { number, what, given } }) => {
  turn = turn.then(async () => {
    try {
      self.postMessage({ number, answer: await answers[what](given) });
    } catch (error) {
      self.postMessage({ number, fault: error.message });
    }
  });
};
