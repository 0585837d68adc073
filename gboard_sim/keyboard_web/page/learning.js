// The panel in which the page learns from its own messages, and says what a phone would send.

import { bytes, define } from "./definitions.js";

export class Learning {
  #form;
  #list;

  /**
   * @param {HTMLElement} root
   * @param {Phone} phone
   * @param {{messages: function(): string[], changed: function()}} page What was sent so far; told
   *   when the model has changed.
   * @param {{learning_rate: number, batch_size: number}} plan The experiment's own.
   */
  constructor(root, phone, page, plan) {
    this.#form = root.querySelector("form");
    this.#list = root.querySelector("dl");
    const { learningRate, batchSize } = this.#form.elements;
    learningRate.defaultValue = plan.learning_rate;
    batchSize.defaultValue = plan.batch_size;
    this.#form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const messages = page.messages();
      if (!messages.length) return this.#say("Send a message first: this is learned from them.");
      await this.#busily(async () => {
        const fields = [...new FormData(this.#form)].map(([name, given]) => [name, Number(given)]);
        this.#show(await phone.ask("learn", { messages, ...Object.fromEntries(fields) }));
      });
      page.changed();
    });
    this.#form.addEventListener("reset", async () => {
      await this.#busily(async () => {
        await phone.ask("forget");
        this.#say("The model is as it was installed.");
      });
      page.changed();
    });
  }

  async #busily(work) {
    const buttons = this.#form.querySelectorAll("button");
    for (const button of buttons) button.disabled = true;
    try {
      await work();
    } catch (error) {
      this.#say(`This could not be learned: ${error.message}.`);
    } finally {
      for (const button of buttons) button.disabled = false;
    }
  }

  #say(text) {
    define(this.#list, [["", text]]);
  }

  #show({ before, after, steps, tokens, milliseconds, update }) {
    if (!Number.isFinite(after)) return this.#say("This diverged. Forget, and take smaller steps.");
    return define(this.#list, [
      ["loss, nats a word", `${before.toFixed(3)} → ${after.toFixed(3)}`],
      ["learned from", `${tokens} words, ${steps} steps, ${Math.round(milliseconds)} ms`],
      ["would be sent", `${bytes(update.bytes)} as float32, ${bytes(update.gzipBytes)} gzipped`],
      ["length of the update", update.norm.toPrecision(3)],
      ["sent", "nothing"],
    ]);
  }
}
