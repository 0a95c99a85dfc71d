/** A name a line; nothing where there is none. */
export function lines(names: readonly string[]): string {
  return names.map((name) => `${name}\n`).join("");
}
