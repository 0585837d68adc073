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

let model, vocabulary, suggestions, installed;

const answers = {
  async load() {
    const [predict, trainStep, parameters, list, manifest] = await Promise.all([
      read("predict.onnx", "arrayBuffer"),
      read("train_step.onnx", "arrayBuffer"),
      read("parameters.safetensors", "arrayBuffer"),
      read("words.txt", "text"),
      read("manifest.json", "json"),
    ]);
    installed = readSafetensors(parameters);
    vocabulary = new Vocabulary(list);
    model = await Model.load(predict, trainStep, installed);
    suggestions = new Suggestions(model, vocabulary);
    return manifest;
  },

  async suggest(text) {
    const began = performance.now();
    const found = await suggestions.after(text);
    return { ...found, milliseconds: performance.now() - began };
  },

  /** The model's five best after a text of whole words. */
  best(text) {
    return suggestions.best(words(text));
  },

  /** Learn from messages, in the order given. */
  async learn({ messages, learningRate, batchSize, passes }) {
    const rows = messages.map((text) => vocabulary.encode(words(text))).filter((row) => row.length);
    if (!rows.length) throw new Error("there is no word in what was typed");
    const began = performance.now();
    const before = await model.loss(rows);
    let steps = 0;
    for (let pass = 0; pass < passes; pass += 1) {
      for (let first = 0; first < rows.length; first += batchSize) {
        await model.trainStep(rows.slice(first, first + batchSize), learningRate);
        steps += 1;
      }
    }
    const milliseconds = performance.now() - began;
    const after = await model.loss(rows);
    suggestions.clear();
    const update = await measureUpdate(installed, model.parameters());
    return { before, after, steps, tokens: rows.flat().length, milliseconds, update };
  },

  /** Go back to the parameters as installed. */
  forget() {
    model.setParameters(installed);
    suggestions.clear();
  },

  /** Copies of the parameters as they are now. */
  parameters() {
    return model.parameters();
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
