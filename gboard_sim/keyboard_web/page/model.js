// The exported graphs in onnxruntime-web: predict.onnx, its weights inside, and train_step.onnx,
// which takes weights and gives new ones.

import * as ort from "./onnxruntime-web/ort.wasm.bundle.min.mjs";
import { inLanes } from "./lanes.js";
import { withWeights } from "./onnx_weights.js";

ort.env.wasm.numThreads = 1; // threads need headers that a plain file server does not send
ort.env.wasm.wasmPaths = {
  wasm: new URL("./onnxruntime-web/ort-wasm-simd-threaded.wasm", import.meta.url).href,
};

export class Model {
  #graphs;
  #predict;
  #trainStep; // made of its graph when it is first needed: that takes longer than all the rest
  #installed;
  #parameters;

  /**
   * @param {{predict: ArrayBuffer, trainStep: ArrayBuffer}} graphs The files.
   * @param {Map} parameters Those inside predict.onnx; see `readSafetensors`.
   */
  static async load(graphs, parameters) {
    const model = new Model();
    model.#graphs = graphs;
    model.#installed = parameters;
    await model.forget();
    return model;
  }

  /** Go back to predict.onnx as it was installed. */
  async forget() {
    this.#parameters = this.#installed;
    await this.#predictWith(new Uint8Array(this.#graphs.predict));
  }

  /** The parameters as they were installed, and as they are now; see `readSafetensors`. */
  get parameters() {
    return { installed: this.#installed, now: this.#parameters };
  }

  /** Where the model stands before the first token of a message; see `predict`. */
  get start() {
    const zero = (name) => {
      const [, width] = shapeOf(this.#predict, name);
      return new ort.Tensor("float32", new Float32Array(width), [1, width]);
    };
    return { out: zero("out"), state: zero("state") };
  }

  /**
   * One token typed.
   *
   * @returns {Promise<{logProbabilities: Float32Array, state: object}>} Of every token to come
   *   next, and where the model then stands.
   */
  async predict(token, state) {
    const typed = new ort.Tensor("int32", Int32Array.of(token), [1]);
    const made = await this.#predict.run({ token: typed, ...state });
    return {
      logProbabilities: made.log_probabilities.data,
      state: { out: made.new_out, state: made.new_state },
    };
  }

  /**
   * SGD over some messages in their order; predictions then come from the new parameters.
   *
   * @param {number[][]} messages Their token ids.
   * @param {{learningRate: number, batchSize: number, passes: number}} plan
   * @returns {Promise<number>} The steps taken.
   */
  async train(messages, { learningRate, batchSize, passes }) {
    let steps = 0;
    for (let pass = 0; pass < passes; pass += 1) {
      for (let first = 0; first < messages.length; first += batchSize) {
        const batch = messages.slice(first, first + batchSize);
        this.#parameters = (await this.#descend(batch, learningRate)).parameters;
        steps += 1;
      }
    }
    await this.#predictWith(withWeights(this.#graphs.predict, this.#parameters));
    return steps;
  }

  /** The mean nats a word over some messages. */
  async loss(messages) {
    return (await this.#descend(messages, 0)).loss;
  }

  async #predictWith(graph) {
    await this.#predict?.release();
    this.#predict = await ort.InferenceSession.create(graph);
  }

  /** The parameters after one step, and the loss before it. */
  async #descend(messages, learningRate) {
    this.#trainStep ??= await ort.InferenceSession.create(this.#graphs.trainStep);
    const [, lane] = shapeOf(this.#trainStep, "inputs");
    const { lanes, ...batch } = inLanes(messages, lane);
    const given = { learning_rate: new ort.Tensor("float32", Float32Array.of(learningRate), []) };
    for (const name of ["kept_embedded", "kept_features"]) {
      given[name] = new ort.Tensor("float32", Float32Array.of(1), [1, 1, 1]); // no dropout
    }
    for (const [name, values] of Object.entries(batch)) {
      const type = values instanceof Int32Array ? "int32" : "float32";
      given[name] = new ort.Tensor(type, values, [lanes, lane]);
    }
    for (const [name, { shape, values }] of this.#parameters) {
      given[name] = new ort.Tensor("float32", values, shape);
    }
    const made = await this.#trainStep.run(given);
    const parameters = new Map();
    for (const [name, { shape }] of this.#parameters) {
      parameters.set(name, { shape, values: made[`new_${name}`].data });
    }
    return { loss: made.loss.data[0], parameters };
  }
}

/** The shape that a graph gives one of its inputs; axes that are free are names. */
function shapeOf(session, name) {
  return session.inputMetadata.find((input) => input.name === name).shape;
}
