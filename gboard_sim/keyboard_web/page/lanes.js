// Messages as the training graph reads them: lanes of equal length, what is not a word weighs 0.

import { BEGIN } from "./vocabulary.js";

/**
 * One lane for each message; a longer one goes on in further lanes, each anew from <s>.
 *
 * @param {number[][]} messages The token ids of each message.
 * @param {number} length Tokens T in a lane.
 * @returns {{lanes: number, inputs: Int32Array, targets: Int32Array, reset: Float32Array,
 *   weight: Float32Array}} Arrays of lanes x T, one lane after another.
 */
export function inLanes(messages, length) {
  const segments = messages.flatMap((message) => {
    const starts = Array.from({ length: Math.ceil(message.length / length) }, (_, n) => n * length);
    return starts.map((start) => message.slice(start, start + length));
  });
  const size = segments.length * length;
  const batch = {
    lanes: segments.length,
    inputs: new Int32Array(size).fill(BEGIN),
    targets: new Int32Array(size).fill(BEGIN),
    reset: new Float32Array(size),
    weight: new Float32Array(size),
  };
  segments.forEach((segment, lane) => {
    const at = lane * length;
    batch.reset[at] = 1;
    batch.targets.set(segment, at);
    batch.inputs.set(segment.slice(0, -1), at + 1);
    batch.weight.fill(1, at, at + segment.length);
  });
  return batch;
}
