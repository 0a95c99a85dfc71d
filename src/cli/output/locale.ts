/** What stands for the characters of our own that ASCII lacks. */
const plain: Readonly<Record<string, string>> = {
  "…": "...",
  "✓": "+",
  "✗": "x",
  "↩": "<",
  "█": "#",
  "▏": "|",
};
// oxlint-disable-next-line no-control-regex
const beyondAscii = /[^\x00-\x7f]/gu;

/** True when the locale says that text is UTF-8 (locale(7): the first of these that isn't empty decides; macOS names no language). Without any it is, as for systemd. */
export function saysUtf8(env: NodeJS.ProcessEnv): boolean {
  const locale = env["LC_ALL"] || env["LC_CTYPE"] || env["LANG"];
  return !locale || /(^|\.)utf-?8(@|$)/i.test(locale);
}

/** Text in plain ASCII: our own characters as their like, others as `\u{…}`, which loses nothing. */
export function asciiOf(text: string): string {
  return text.replace(beyondAscii, (character) => plain[character] ?? `\\u{${character.codePointAt(0)?.toString(16)}}`);
}
