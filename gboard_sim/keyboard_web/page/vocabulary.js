// The words that the model knows: one token each, after the two special tokens.

export const UNKNOWN = 0; // a word that the vocabulary lacks; never shown
export const BEGIN = 1; // before the first word of every message; never shown
const SPECIAL = 2;

/** A word list, the most frequent first: word i is token i + 2. */
export class Vocabulary {
  #words;
  #ids;

  /** @param {string} text One word a line. */
  constructor(text) {
    this.#words = text.split("\n").filter(Boolean);
    this.#ids = new Map(this.#words.map((word, index) => [word, index + SPECIAL]));
  }

  /** Token ids V, the special ones included. */
  get size() {
    return this.#words.length + SPECIAL;
  }

  /** The token of each word. */
  encode(words) {
    return words.map((word) => this.#ids.get(word) ?? UNKNOWN);
  }

  /** The word of a token; undefined for the special ones. */
  word(token) {
    return this.#words[token - SPECIAL];
  }

  /** The tokens of all longer words that begin with some letters, the most frequent first. */
  beginningWith(letters) {
    const found = [];
    this.#words.forEach((word, index) => {
      if (word.length > letters.length && word.startsWith(letters)) found.push(index + SPECIAL);
    });
    return found;
  }
}
