// Weights in fewer bits, as the exporter rounds them: see learning/model/quantization.py.

const BY_ROW = new Set(["embedding", "output"]); // their first axis counts outputs
const LEAST_SCALE = 2 ** -14; // float16's smallest normal number

/**
 * A matrix in integers of at most `most`, one float16 scale for each output.
 *
 * @param {string} name Its name in the graphs.
 * @param {{shape: number[], values: Float32Array}} matrix
 * @param {number} most
 * @returns {{integers: Int8Array, scale: Float16Array}}
 */
export function rounded(name, { shape: [rows, columns], values }, most) {
  const byRow = BY_ROW.has(name);
  const output = (at) => (byRow ? Math.floor(at / columns) : at % columns);
  const largest = new Float32Array(byRow ? rows : columns);
  values.forEach((value, at) => {
    largest[output(at)] = Math.max(largest[output(at)], Math.abs(value));
  });
  const wanted = largest.map((value) => value / most);
  const scale = Float16Array.from(wanted, (value) => Math.max(Math.f16round(value), LEAST_SCALE));
  const integers = Int8Array.from(values, (value, at) => {
    const steps = nearest(Math.fround(value / scale[output(at)]));
    return Math.min(Math.max(steps, -most), most);
  });
  return { integers, scale };
}

/** Integers of 4 bits, two a byte, the first in the low half. */
export function pairs(integers) {
  const bytes = new Uint8Array(Math.ceil(integers.length / 2));
  integers.forEach((value, at) => {
    bytes[at >> 1] |= (value & 15) << (at % 2 ? 4 : 0);
  });
  return bytes;
}

/** The nearest integer, the even one of two. */
function nearest(value) {
  const up = Math.round(value);
  return up - value === 0.5 && up % 2 ? up - 1 : up;
}
