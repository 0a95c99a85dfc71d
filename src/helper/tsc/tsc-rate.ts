import type { HelperDeps } from "../deps.ts";

/** What measuring needs. */
export interface TscRateDeps extends Pick<HelperDeps, "command" | "log"> {
  readonly programs: Pick<HelperDeps["programs"], "tscRate">;
}

/**
 * How fast this host's time-stamp counter counts, in kHz. An emulated guest reads this very counter, and would measure it against an
 * emulated timer: on a busy host some take it for ten times slower, and their clocks run as much too fast.
 */
export class TscRate {
  readonly #deps: TscRateDeps;
  #known: Promise<number | undefined> | undefined;

  constructor(deps: TscRateDeps) {
    this.#deps = deps;
  }

  /** Measured once; undefined where it can't be told, and then a guest measures for itself. */
  khz(): Promise<number | undefined> {
    this.#known ??= this.#measure();
    return this.#known;
  }

  async #measure(): Promise<number | undefined> {
    const { command, programs, log } = this.#deps;
    try {
      const { code, output } = await command("setpriv", ["--no-new-privs", programs.tscRate]);
      const khz = /^(\d{6,8})\n$/.exec(output)?.[1];
      if (code === 0 && khz !== undefined) return Number(khz);
      log.warn({ exit_code: code, stderr: output.slice(0, 200) }, "the rate of the time-stamp counter is not known");
    } catch (error) {
      log.warn({ err: error }, "the rate of the time-stamp counter could not be measured");
    }
    return undefined;
  }
}
