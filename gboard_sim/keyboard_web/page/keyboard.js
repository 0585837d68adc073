// The drawn keys. A tap, or the same key of a real keyboard, becomes one call.

const LETTERS = ["qwertyuiop", "asdfghjkl", "zxcvbnm"];
const SYMBOLS = ["1234567890", "@#$_&-+()/", "*\":;!?,"];
const NAMED = {
  shift: { label: "⇧", spoken: "Shift" },
  erase: { label: "⌫", spoken: "Erase" },
  layer: { label: "?123", spoken: "Symbols" },
  space: { label: "", spoken: "Space" },
  send: { label: "➤", spoken: "Send" },
};

export class Keyboard {
  #root;
  #does;
  #symbols = false;
  #shift = true;

  /**
   * @param {HTMLElement} root
   * @param {{type: function(string), erase: function(), send: function()}} does
   */
  constructor(root, does) {
    this.#root = root;
    this.#does = does;
    root.addEventListener("pointerdown", (event) => {
      const key = event.target.closest("button");
      if (!key) return;
      event.preventDefault(); // keeps the focus where it is
      this.#press(key.dataset.key);
    });
    root.addEventListener("click", (event) => {
      // A click without a pointer: a screen reader, or Enter on a focused key.
      if (event.detail === 0) this.#press(event.target.closest("button")?.dataset.key);
    });
    this.#draw();
  }

  get shift() {
    return this.#shift;
  }

  /** Whether the next letter is a capital. */
  set shift(on) {
    if (on === this.#shift) return;
    this.#shift = on;
    this.#draw();
  }

  #press(key) {
    if (!key) return;
    if (key === "shift") this.shift = !this.#shift;
    else if (key === "layer") {
      this.#symbols = !this.#symbols;
      this.#draw();
    } else if (key === "erase" || key === "send") this.#does[key]();
    else this.#does.type(key === "space" ? " " : this.#shift ? key.toUpperCase() : key);
  }

  #draw() {
    const [top, middle, bottom] = this.#symbols ? SYMBOLS : LETTERS;
    const third = this.#symbols ? [...bottom] : ["shift", ...bottom];
    const rows = [[...top], [...middle], [...third, "erase"], ["layer", "'", "space", ".", "send"]];
    this.#root.replaceChildren(...rows.map((keys) => this.#row(keys)));
  }

  #row(keys) {
    const row = document.createElement("div");
    row.append(...keys.map((key) => this.#key(key)));
    return row;
  }

  #key(key) {
    const button = document.createElement("button");
    const { label = this.#shift ? key.toUpperCase() : key, spoken = label } = NAMED[key] ?? {};
    button.type = "button";
    button.dataset.key = key;
    button.className = NAMED[key] ? `named ${key}` : "";
    button.textContent = key === "layer" && this.#symbols ? "ABC" : label;
    button.ariaLabel = key === "layer" && this.#symbols ? "Letters" : spoken;
    if (key === "shift") button.ariaPressed = String(this.#shift);
    return button;
  }
}
