// Writes other weights over those inside an ONNX file, which is a protocol buffer: the graph is the
// model's field 7, a weight the graph's field 5, its name that one's field 8, its bytes field 9.

import { pairs, rounded } from "./rounding.js";

const GRAPH = 7;
const INITIALIZER = 5;
const NAME = 8;
const RAW_DATA = 9;

/**
 * A copy of an ONNX file with some of its weights exchanged, in as many bits as they had.
 *
 * @param {ArrayBuffer} file
 * @param {Map<string, {shape: number[], values: Float32Array}>} tensors The new values by name; all
 *   must be there.
 * @returns {Uint8Array}
 */
export function withWeights(file, tensors) {
  const copy = new Uint8Array(file.slice(0));
  const places = new Map();
  for (const graph of messages(copy, GRAPH)) {
    for (const initializer of messages(graph, INITIALIZER)) {
      const [letters] = messages(initializer, NAME);
      const [raw] = messages(initializer, RAW_DATA);
      places.set(new TextDecoder().decode(letters), raw);
    }
  }
  const missing = [...tensors].filter(([name, tensor]) => !exchanged(places, name, tensor));
  if (missing.length) {
    throw new Error(`no weights to exchange: ${missing.map(([name]) => name).join(", ")}`);
  }
  return copy;
}

/** Whether a tensor's new values took the place of its old ones. */
function exchanged(places, name, tensor) {
  if (places.has(`${name}_fp16`)) {
    return put(places.get(`${name}_fp16`), Float16Array.from(tensor.values));
  }
  for (const [kind, most] of Object.entries({ int8: 127, int4: 7 })) {
    if (!places.has(`${name}_${kind}`)) continue;
    const { integers, scale } = rounded(name, tensor, most);
    return (
      put(places.get(`${name}_${kind}`), kind === "int4" ? pairs(integers) : integers) &&
      put(places.get(`${name}_scale_fp16`), scale)
    );
  }
  return put(places.get(name), tensor.values);
}

/** Writes values over as many bytes; false where there are more or fewer. */
function put(raw, values) {
  if (raw?.byteLength !== values.byteLength) return false;
  raw.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  return true;
}

/** Views of a message's fields of one number that have a length, as all of ours have. */
function* messages(bytes, wanted) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const wire = key % 8;
    if (wire === 2) {
      const length = varint();
      if (Math.floor(key / 8) === wanted) yield bytes.subarray(at, at + length);
      at += length;
    } else if (wire === 0) varint();
    else at += wire === 1 ? 8 : 4;
  }
}
