import { namesOf } from "./completion-names.ts";
import { completions } from "./completion-words.ts";

/** The word with which a shell asks `banger` what its command line may go on with; no command of a person's. */
export const completionWord = "__complete";

/** What the last word may be: `:files` where any file is, else `:words` and the words, a line each. Nothing is said of what goes wrong. */
export async function completionAnswer(words: readonly string[], usualConfig: string): Promise<string> {
  try {
    const asked = completions(words);
    if (asked === undefined) return "";
    if (asked.files) return ":files\n";
    const names = asked.names === undefined ? [] : await namesOf(asked.names, asked.config ?? usualConfig);
    const found = asked.choose([...asked.words, ...names.map(({ name }) => name)]);
    // Who types an id means one.
    const fitting = new Set(found.length === 0 ? asked.choose(names.map(({ id }) => id)) : found);
    return fitting.size === 0 ? "" : `:words\n${[...fitting].join("\n")}\n`;
  } catch {
    return "";
  }
}
