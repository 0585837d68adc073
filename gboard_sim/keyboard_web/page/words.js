// The one word rule, as `gboard_sim/keyboard/words.py` has it: NFKC, lower case, split on white
// space, the punctuation around a token stripped, tokens without a letter dropped. A test holds the
// two together over every code point that both sides' Unicode tables know.

// Control characters, lone surrogates and sentencepiece's own two marks separate words as well.
const SEPARATORS =
  /[\u0000-\u001f\u007f-\u009f\u2581\u2585\ud800-\udfff\p{Zs}\u2028\u2029]+/u;
const LETTER = /\p{L}/u;
const LETTER_OR_NUMBER = /[\p{L}\p{N}]/u;
const PART_OF_A_WORD = /[\p{L}\p{N}\p{M}]/u; // a mark belongs to the letter before it

/** The words of a text, in order; none of them is empty. */
export function words(text) {
  return tokens(text).map(strip).filter(Boolean);
}

/** A text in NFKC and lower case, split on white space, its punctuation still there. */
export function tokens(text) {
  // Lower case can undo the normal form, and a second pass restores it.
  const normal = text.normalize("NFKC").toLowerCase().normalize("NFKC");
  return normal.split(SEPARATORS).filter(Boolean);
}

/** The word inside a token, or the empty string where there is none. */
export function strip(token) {
  const points = [...token];
  let begin = 0;
  let end = points.length;
  while (begin < end && !LETTER_OR_NUMBER.test(points[begin])) begin += 1;
  while (end > begin && !PART_OF_A_WORD.test(points[end - 1])) end -= 1;
  const word = points.slice(begin, end).join("");
  return LETTER.test(word) ? word : "";
}
