/** What is wrong with a config file: where, which key, why, and what is accepted. */
export interface ConfigProblem {
  /** Counted from 1; undefined for what is wrong with the file as a whole. */
  readonly line?: number | undefined;
  readonly text: string;
}

/** The file is no valid config file. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], cause?: unknown) {
    super(problems.map(({ text }) => text).join("; "), cause === undefined ? undefined : { cause });
    this.problems = problems;
  }
}
