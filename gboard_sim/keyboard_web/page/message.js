// The message being written, and what a key or a suggestion makes of it.

const ENDS_A_SENTENCE = /[.!?]\s*$/;
const UNFINISHED = /[\p{L}\p{N}\p{M}']+$/u;
const CLOSES_UP = new Set([".", ",", "!", "?", ";", ":", ")"]);

export class Message {
  text = "";
  keystrokes = 0;
  #spaceIsOurs = false; // the last space came with a suggestion, and punctuation may take it back

  /** Whether the next letter begins a sentence. */
  get beginsSentence() {
    return this.text === "" || (ENDS_A_SENTENCE.test(this.text) && /\s$/.test(this.text));
  }

  type(character) {
    this.keystrokes += 1;
    if (this.#spaceIsOurs && CLOSES_UP.has(character)) this.text = `${this.text.slice(0, -1)}${character} `;
    else this.text += character;
    this.#spaceIsOurs = this.#spaceIsOurs && CLOSES_UP.has(character);
  }

  erase() {
    this.keystrokes += 1;
    this.text = [...this.text].slice(0, -1).join("");
    this.#spaceIsOurs = false;
  }

  /**
   * Take a suggestion: its word in the place of the letters so far, and a space.
   *
   * @param {string} word
   * @param {string} unfinished The letters that it goes on from; empty for a next word.
   */
  accept(word, unfinished) {
    this.keystrokes += 1;
    if (unfinished) this.text = this.text.replace(UNFINISHED, "");
    else if (this.text && !/\s$/.test(this.text)) this.text += " ";
    this.text += `${word} `;
    this.#spaceIsOurs = true;
  }

  clear() {
    this.text = "";
    this.keystrokes = 0;
    this.#spaceIsOurs = false;
  }
}
