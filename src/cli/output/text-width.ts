/** Characters that take two columns (Unicode TR 11, wide and fullwidth; emoji that are shown as such). */
const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{1b000}-\u{1b2ff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;
/** Characters that take none: they are put on the one before them, or only say how it looks. */
const none = /[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff]/u;
// oxlint-disable-next-line no-control-regex
const ascii = /^[\x20-\x7e]*$/;

/** How many columns of a terminal a text takes. */
export function textWidth(text: string): number {
  if (ascii.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += widthOf(character);
  return width;
}

/** The text, and blanks up to so many columns. */
export function padTo(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - textWidth(text)));
}

/** As much of the text as fits; one that is cut ends with `mark`. */
export function cutTo(text: string, columns: number, mark: string): string {
  if (textWidth(text) <= columns) return text;
  let kept = "";
  let left = columns - textWidth(mark);
  for (const character of text) {
    left -= widthOf(character);
    if (left < 0) break;
    kept += character;
  }
  return columns < textWidth(mark) ? "" : `${kept}${mark}`;
}

function widthOf(character: string): number {
  return none.test(character) ? 0 : wide.test(character) ? 2 : 1;
}
