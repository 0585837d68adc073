// The three words of the strip: the next word, or the rest of the word being typed.

import { BEGIN } from "./vocabulary.js";
import { typed } from "./words.js";

const SHOWN = 3;

export class Suggestions {
  #model;
  #vocabulary;
  #tokens = []; // what the states below have read
  #read = []; // after each of those tokens: the prediction, and the state before it

  constructor(model, vocabulary) {
    this.#model = model;
    this.#vocabulary = vocabulary;
  }

  /** Forget what was read: the model has changed. */
  clear() {
    this.#tokens = [];
    this.#read = [];
  }

  /**
   * @param {string} text The message so far.
   * @returns {Promise<{words: string[], unfinished: string}>} At most three words, best first, and
   *   the letters that they go on from.
   */
  async after(text) {
    const { before, unfinished } = typed(text);
    const tokens = [BEGIN, ...this.#vocabulary.encode(before)];
    const { best, came } = await this.#readTo(tokens);
    let found = best.map((each) => each.token);
    if (unfinished) {
      const candidates = this.#vocabulary.beginningWith(unfinished);
      found = candidates.length
        ? await this.#model.predictAmong(candidates, tokens.at(-1), came)
        : [];
    }
    const words = found.map((token) => this.#vocabulary.word(token)).filter(Boolean);
    return { words: words.slice(0, SHOWN), unfinished };
  }

  /** The five most probable tokens after some words, with their log-probabilities. */
  async best(words) {
    return (await this.#readTo([BEGIN, ...this.#vocabulary.encode(words)])).best;
  }

  /** The prediction after some tokens, of which only those are run that were not just before. */
  async #readTo(tokens) {
    let known = 0;
    while (known < this.#tokens.length && this.#tokens[known] === tokens[known]) known += 1;
    this.#tokens.length = known;
    this.#read.length = known;
    for (const token of tokens.slice(known)) {
      const came = this.#read.at(-1)?.state ?? this.#model.start;
      const made = await this.#model.predict(token, came);
      this.#tokens.push(token);
      this.#read.push({ ...made, came });
    }
    return this.#read[tokens.length - 1];
  }
}
