// What a phone would send after learning: new parameters minus those that it started from.

/**
 * @param {Map} before See `readSafetensors`.
 * @param {Map} after
 * @returns Its numbers, bytes as float32, bytes of that after gzip, and Euclidean norm.
 */
export async function measureUpdate(before, after) {
  const parts = [...before].map(([name, { values }]) =>
    after.get(name).values.map((value, index) => value - values[index]),
  );
  const squares = parts.map((part) => part.reduce((sum, value) => sum + value * value, 0));
  const whole = new Blob(parts);
  const packed = await new Response(
    whole.stream().pipeThrough(new CompressionStream("gzip")),
  ).arrayBuffer();
  return {
    parameters: whole.size / Float32Array.BYTES_PER_ELEMENT,
    bytes: whole.size,
    gzipBytes: packed.byteLength,
    norm: Math.sqrt(squares.reduce((sum, part) => sum + part, 0)),
  };
}
