// Asks the worker, by promises.

export class Phone {
  #worker = new Worker(new URL("./phone_worker.js", import.meta.url), { type: "module" });
  #waiting = new Map();
  #asked = 0;

  constructor() {
    this.#worker.onmessage = ({ data: { number, answer, fault } }) => {
      const { resolve, reject } = this.#waiting.get(number);
      this.#waiting.delete(number);
      if (fault === undefined) resolve(answer);
      else reject(new Error(fault));
    };
    this.#worker.onerror = (event) => {
      const fault = new Error(event.message ?? "the worker did not start");
      for (const { reject } of this.#waiting.values()) reject(fault);
      this.#waiting.clear();
    };
  }

  /** See `answers` in phone_worker.js. */
  ask(what, given) {
    const number = (this.#asked += 1);
    this.#worker.postMessage({ number, what, given });
    return new Promise((resolve, reject) => this.#waiting.set(number, { resolve, reject }));
  }
}
