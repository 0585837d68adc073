// The suggestion strip: the best word in the middle, where the thumb is.

const PLACES = [1, 0, 2]; // from left to right, which rank

export class Strip {
  #root;
  #accept;

  /**
   * @param {HTMLElement} root
   * @param {function(string)} accept Told of the word that was taken.
   */
  constructor(root, accept) {
    this.#root = root;
    this.#accept = accept;
  }

  /** Instead of words: what the page is doing. */
  say(text) {
    const line = document.createElement("p");
    line.textContent = text;
    this.#root.replaceChildren(line);
  }

  /** @param {string[]} words Best first, at most three. */
  show(words) {
    this.#root.replaceChildren(...PLACES.map((rank) => this.#slot(words[rank], rank)));
  }

  /** The words from the best on. */
  get words() {
    const slots = [...this.#root.querySelectorAll("button[data-rank]")].filter((s) => !s.disabled);
    return slots.sort((a, b) => a.dataset.rank - b.dataset.rank).map((slot) => slot.textContent);
  }

  #slot(word, rank) {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.rank = rank;
    button.textContent = word ?? "";
    button.disabled = word === undefined;
    button.addEventListener("pointerdown", (event) => event.preventDefault());
    button.addEventListener("click", () => this.#accept(word));
    return button;
  }
}
