// Writes other weights over those inside an ONNX file, which is a protocol buffer: the graph is the
// model's field 7, a weight the graph's field 5, its name that one's field 8, its bytes field 9.

const GRAPH = 7;
const INITIALIZER = 5;
const NAME = 8;
const RAW_DATA = 9;

/**
 * A copy of an ONNX file with some of its float32 weights exchanged.
 *
 * @param {ArrayBuffer} file
 * @param {Map<string, {values: Float32Array}>} tensors The new values by name; all must be there.
 * @returns {Uint8Array}
 */
export function withWeights(file, tensors) {
  const copy = new Uint8Array(file.slice(0));
  const missing = new Set(tensors.keys());
  for (const graph of messages(copy, GRAPH)) {
    for (const initializer of messages(graph, INITIALIZER)) {
      const [letters] = messages(initializer, NAME);
      const name = new TextDecoder().decode(letters);
      const [raw] = messages(initializer, RAW_DATA);
      const values = tensors.get(name)?.values;
      if (values === undefined || raw?.byteLength !== values.byteLength) continue;
      raw.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
      missing.delete(name);
    }
  }
  if (missing.size) throw new Error(`no float32 weights to exchange: ${[...missing].join(", ")}`);
  return copy;
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
