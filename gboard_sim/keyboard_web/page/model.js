// The exported graphs in onnxruntime-web, with the parameters that they take as inputs.

import * as ort from "./onnxruntime-web/ort.wasm.bundle.min.mjs";
import { inLanes } from "./lanes.js";
import { UNKNOWN } from "./vocabulary.js";

const SHOWN_AT_MOST = 5; // what predict.onnx returns

ort.env.wasm.numThreads = 1; // threads need headers that a plain file server does not send
ort.env.wasm.wasmPaths = {
  wasm: new URL("./onnxruntime-web/ort-wasm-simd-threaded.wasm", import.meta.url).href,
};

export class Model {
  #predict;
  #trainGraph;
  #trainStep; // made of the graph when it is first needed: it takes longer than the rest
  #parameters;

  /**
   * @param {ArrayBuffer} predict The graph predict.onnx.
   * @param {ArrayBuffer} trainStep The graph train_step.onnx.
   * @param {Map} parameters See `readSafetensors`.
   */
  static async load(predict, trainStep, parameters) {
    const model = new Model();
    model.#predict = await ort.InferenceSession.create(predict);
    model.#trainGraph = trainStep;
    model.setParameters(parameters);
    return model;
  }

  /** Where the model stands before the first token of a message; see `predict`. */
  get start() {
    const zero = (name) => {
      const [, width] = shapeOf(this.#predict, name);
      return new ort.Tensor("float32", new Float32Array(width), [1, width]);
    };
    return { out: zero("out"), state: zero("state") };
  }

  setParameters(parameters) {
    this.#parameters = Object.fromEntries(
      [...parameters].map(([name, { shape, values }]) => [
        name,
        new ort.Tensor("float32", values, shape),
      ]),
    );
  }

  /** The parameters now, as copies. */
  parameters() {
    return new Map(
      Object.entries(this.#parameters).map(([name, tensor]) => [
        name,
        { shape: [...tensor.dims], values: tensor.data.slice() },
      ]),
    );
  }

  /**
   * One token typed.
   *
   * @returns The most probable next tokens with their log-probabilities, best first, and the state.
   */
  async predict(token, { out, state }, parameters = this.#parameters) {
    const typed = new ort.Tensor("int32", Int32Array.of(token), [1]);
    const made = await this.#predict.run({ ...parameters, token: typed, out, state });
    return {
      best: Array.from(made.top.data, (id, rank) => ({
        token: id,
        logProbability: made.log_probability.data[rank],
      })),
      state: { out: made.new_out, state: made.new_state },
    };
  }

  /**
   * The most probable of some tokens, best first: the same graph over their rows alone, since it
   * takes its vocabulary as an input.
   */
  async predictAmong(candidates, token, before) {
    // It returns five, so it must have five: the special tokens fill up and are left out again.
    const fill = Array(Math.max(0, SHOWN_AT_MOST - 1 - candidates.length)).fill(UNKNOWN);
    const rows = [...candidates, ...fill, token];
    const given = { ...this.#parameters };
    const untied = "output" in given;
    for (const name of untied ? ["output", "output_bias"] : ["embedding", "output_bias"]) {
      if (name in given) given[name] = gather(given[name], rows);
    }
    const { best } = await this.predict(untied ? token : rows.length - 1, before, given);
    return best
      .filter((each) => each.token < candidates.length)
      .map((each) => candidates[each.token]);
  }

  /**
   * One step of SGD on some messages, which becomes the model.
   *
   * @param {number[][]} messages Their token ids.
   * @param {number} learningRate
   * @returns The mean nats a word before the step, and the number of words.
   */
  async trainStep(messages, learningRate) {
    const { loss, tokens, made } = await this.#descend(messages, learningRate);
    for (const name of Object.keys(this.#parameters)) this.#parameters[name] = made[`new_${name}`];
    return { loss, tokens };
  }

  /** The mean nats a word over some messages. */
  async loss(messages) {
    return (await this.#descend(messages, 0)).loss;
  }

  async #descend(messages, learningRate) {
    this.#trainStep ??= await ort.InferenceSession.create(this.#trainGraph);
    const [, lane] = shapeOf(this.#trainStep, "inputs");
    const { lanes, tokens, ...arrays } = inLanes(messages, lane);
    const batch = Object.entries(arrays).map(([name, values]) => {
      const type = values instanceof Int32Array ? "int32" : "float32";
      return [name, new ort.Tensor(type, values, [lanes, lane])];
    });
    const made = await this.#trainStep.run({
      ...this.#parameters,
      ...Object.fromEntries(batch),
      learning_rate: new ort.Tensor("float32", Float32Array.of(learningRate), []),
    });
    return { loss: made.loss.data[0], tokens, made };
  }
}

/** The shape that a graph gives one of its inputs; axes that are free are names. */
function shapeOf(session, name) {
  return session.inputMetadata.find((input) => input.name === name).shape;
}

/** Some rows of a matrix, or entries of a vector. */
function gather(tensor, rows) {
  const [, width = 1] = tensor.dims;
  const values = new Float32Array(rows.length * width);
  rows.forEach((row, to) => {
    values.set(tensor.data.subarray(row * width, (row + 1) * width), to * width);
  });
  return new ort.Tensor("float32", values, [rows.length, ...tensor.dims.slice(1)]);
}
