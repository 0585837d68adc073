// Reads the parameters' file: the length of a JSON header in 8 bytes, the header, the numbers.

/**
 * @param {ArrayBuffer} file
 * @returns {Map<string, {shape: number[], values: Float32Array}>} The tensors by name.
 */
export function readSafetensors(file) {
  const headerBytes = Number(new DataView(file).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, 8, headerBytes)));
  delete header.__metadata__;
  const tensors = new Map();
  for (const [name, { dtype, shape, data_offsets: [first, last] }] of Object.entries(header)) {
    if (dtype !== "F32") throw new Error(`parameters: ${name} is ${dtype}, not F32`);
    const values = new Float32Array(file.slice(8 + headerBytes + first, 8 + headerBytes + last));
    tensors.set(name, { shape, values });
  }
  return tensors;
}
