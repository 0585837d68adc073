// The message being written, and what a key or a suggestion makes of it.

const ENDS_A_SENTENCE = /[.!?]\s*$/;
const LAST_WORD = /[\p{L}\p{N}]\S*$/u;
const CLOSES_UP = new Set([".", ",", "!", "?", ";", ":", ")"]);

export class Message {
  text = "";
  keystrokes = 0;
  #spaceIsOurs = false; // the last space came with a suggestion, and punctuation may take it back

  /** What stands after the last space, without punctuation before it. */
  get lastWord() {
    return this.text.match(LAST_WORD)?.[0] ?? "";
  }

  /** Whether the next letter begins a sentence. */
  get beginsSentence() {
    return this.text === "" || (ENDS_A_SENTENCE.test(this.text) && /\s$/.test(this.text));
  }

  type(character) {
    this.keystrokes += 1;
    this.#spaceIsOurs &&= CLOSES_UP.has(character);
    if (this.#spaceIsOurs) this.text = `${this.text.slice(0, -1)}${character} `;
    else this.text += character;
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
   * @param {string} letters Those that it begins with; empty for a next word.
   */
  accept(word, letters) {
    this.keystrokes += 1;
    if (letters) this.text = this.text.replace(LAST_WORD, "");
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
