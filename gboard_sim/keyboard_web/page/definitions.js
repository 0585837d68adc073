// A list of names and figures.

/**
 * @param {HTMLElement} list A dl.
 * @param {[string, string][]} rows Names with what is said of them, as plain text.
 */
export function define(list, rows) {
  list.replaceChildren(
    ...rows.flatMap(([name, said]) => {
      const [term, detail] = ["dt", "dd"].map((tag) => document.createElement(tag));
      term.textContent = name;
      detail.textContent = said;
      return [term, detail];
    }),
  );
}

/** A count of bytes, in decimal units. */
export function bytes(count) {
  if (count < 1e3) return `${count} B`;
  return count < 1e6 ? `${(count / 1e3).toFixed(1)} kB` : `${(count / 1e6).toFixed(2)} MB`;
}
