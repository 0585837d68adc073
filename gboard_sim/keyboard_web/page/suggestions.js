// The words of the strip, by the rules of the loader `gboard_sim/keyboard/keyboard.py`.

import { BEGIN } from "./vocabulary.js";
import { strip, tokens } from "./words.js";

const SHOWN = 3;
const REACH = 64; // tokens: twice as many are read at most, so that a line of any length is quick

export class Suggestions {
  #model;
  #vocabulary;
  #line = []; // what the readings below have read
  #readings = [];

  constructor(model, vocabulary) {
    this.#model = model;
    this.#vocabulary = vocabulary;
  }

  /** Forget what was read: the model has changed. */
  clear() {
    this.#line = [];
    this.#readings = [];
  }

  /**
   * @param {string} text The message so far.
   * @returns {Promise<{words: string[], letters: string}>} At most three words, best first: the
   *   next one, or those that begin with the letters typed so far.
   */
  async after(text) {
    const { words, letters } = this.split(text);
    const { logProbabilities } = await this.#read(this.#vocabulary.encode(words));
    const best = [];
    const atLeast = (chance) => (other) => logProbabilities[other] >= chance;
    for (const token of this.#vocabulary.beginningWith(letters)) {
      const chance = logProbabilities[token];
      if (best.length === SHOWN && atLeast(chance)(best.at(-1))) continue;
      best.splice(best.filter(atLeast(chance)).length, 0, token);
      best.length = Math.min(best.length, SHOWN);
    }
    return { words: best.map((token) => this.#vocabulary.word(token)), letters };
  }

  /** The log-probability of every token after some text that is written to the end. */
  async logProbabilities(words) {
    return (await this.#read(this.#vocabulary.encode(words))).logProbabilities;
  }

  /** The words of the last line, and the letters of the one that is still being typed. */
  split(text) {
    const line = text.slice(text.lastIndexOf("\n") + 1);
    const parts = tokens(line);
    let letters = "";
    if (parts.length && tokens([...line].at(-1)).length) {
      // A letter behind it keeps what `strip` would take from its end: don' may become don't.
      letters = strip(`${parts.at(-1)}a`).slice(0, -1);
      const ended = strip(parts.at(-1)) !== letters; // perhaps by punctuation
      if (ended && !this.#vocabulary.beginningWith(letters).length) letters = "";
      else parts.pop();
    }
    return { words: parts.map(strip).filter(Boolean), letters };
  }

  /** The prediction after some tokens, of which only those are run that were not just before. */
  async #read(tokensOfLine) {
    const first = Math.max(0, Math.floor(tokensOfLine.length / REACH) - 1) * REACH;
    const line = [BEGIN, ...tokensOfLine.slice(first)];
    let known = 0;
    while (known < this.#line.length && this.#line[known] === line[known]) known += 1;
    this.#line.length = known;
    this.#readings.length = known;
    for (const token of line.slice(known)) {
      const came = this.#readings.at(-1)?.state ?? this.#model.start;
      this.#readings.push(await this.#model.predict(token, came));
      this.#line.push(token);
    }
    return this.#readings[line.length - 1];
  }
}
