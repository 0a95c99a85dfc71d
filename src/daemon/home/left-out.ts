/** Why something of the home isn't copied. */
export type Reason =
  | "missing"
  | "link_on_the_way"
  | "not_on_the_way"
  | "link_outside"
  | "no_file"
  | "foreign"
  | "unreadable"
  | "too_much"
  | "too_deep"
  | "ours"
  | "keys"
  | "home";

/** Of one entry, what was left out and how often. What it is called, within a directory, nobody is told. */
export class LeftOut {
  readonly #counts = new Map<Reason, number>();

  add(reason: Reason): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
  }

  /** In words, of an entry as a whole and of what is in its directory; empty where all was copied. */
  text(): string {
    return [...this.#counts]
      .map(([reason, count]) => (isWhole(reason) ? words[reason] : `${count} ${words[reason]}`))
      .join(", ");
  }

  /** The next step of the first reason. */
  hint(): string {
    const [first = "missing"] = this.#counts.keys();
    return hints[first];
  }
}

/** What only an entry itself is left out for. */
function isWhole(reason: Reason): boolean {
  return reason === "missing" || reason === "link_on_the_way" || reason === "not_on_the_way" || reason === "home";
}

const words: Readonly<Record<Reason, string>> = {
  missing: "it isn't there",
  link_on_the_way: "it is a symbolic link, or lies behind one",
  not_on_the_way: "it lies below what is no directory of the owner's",
  home: "the owner's home isn't there, or can't be entered",
  link_outside: "symbolic link(s) that lead out of it",
  no_file: "socket(s), FIFO(s) or device(s)",
  foreign: "of another user's",
  unreadable: "that can't be read",
  too_much: "beyond the limit of bytes or files",
  too_deep: "too deep",
  ours: "authorized_keys, by which banger itself comes in",
  keys: "banger's own keys, which open every guest",
};

const hints: Readonly<Record<Reason, string>> = {
  missing: "Put it there, or take it out of file_sync.",
  link_on_the_way: 'Name what the link leads to, and where it belongs: { path = "…", to = "…" }.',
  not_on_the_way: "Name a path of the owner's own.",
  home: "See to the home that passwd names.",
  link_outside: "Copy what they lead to beside them, or name it as an entry of its own.",
  no_file: "Name the files in the directory instead of the directory.",
  foreign: "`chown` it to the owner, or name what is the owner's.",
  unreadable: "`chmod u+r` it.",
  too_much: "Name less; `banger vm cp` copies what is large.",
  too_deep: "Name less; `banger vm cp` copies what is large.",
  keys: "Name what lies beside them instead.",
  ours: 'A guest\'s users have files of their own: { user = "…" }.',
};
