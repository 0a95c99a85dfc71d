import { BangerError } from "../../rpc/contract/errors.ts";
import { attribute } from "../../telemetry/names.ts";
import type { Spans } from "../../telemetry/spans.ts";
import { mustRun, type Run } from "../host/run-program.ts";

/** What systemd says of a unit. */
export interface UnitState {
  readonly unit: string;
  /** `loaded`, `not-found`, …; `unknown` where systemd says nothing. */
  readonly load: string;
  /** `active`, `failed`, `inactive`, … */
  readonly active: string;
  /** Why it ended last: `success`, `exit-code`, `start-limit-hit`, …; empty where the unit has no such thing. */
  readonly result: string;
  /** How often systemd has started it again by itself. */
  readonly restarts: number;
  /** `enabled`, `disabled`, …; empty where there is no file. */
  readonly enabled: string;
  /** Of the process that runs; 0 when none does. */
  readonly pid: number;
  /** Another one each time that it is started; empty before the first. */
  readonly invocation: string;
  /** Its files changed since systemd read them. */
  readonly needsReload: boolean;
  /** Files of the operator's that change it. */
  readonly dropIns: readonly string[];
}

const systemctl = "/usr/bin/systemctl";
/** So often is a stop asked for that something else's start cancels. */
const stopTries = 5;

/** This host's systemd, by its own program. */
export class Systemd {
  readonly #run: Run;
  readonly #spans: Spans | undefined;

  constructor(run: Run, spans?: Spans) {
    this.#run = run;
    this.#spans = spans;
  }

  /** Its version; undefined where there is none. */
  async version(): Promise<number | undefined> {
    const { code, stdout } = await this.#run(systemctl, ["--version"]);
    const version = /^systemd (\d+)/.exec(stdout)?.[1];
    return code === 0 && version !== undefined ? Number(version) : undefined;
  }

  async show(units: readonly string[]): Promise<UnitState[]> {
    const names =
      "Id,LoadState,ActiveState,Result,NRestarts,UnitFileState,MainPID,InvocationID,NeedDaemonReload,DropInPaths";
    const { stdout } = await this.#run(systemctl, ["show", `--property=${names}`, "--", ...units]);
    const read = stdout.split("\n\n").map((block) => {
      const entries = block.split("\n").map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)] as const);
      return Object.fromEntries(entries) as Record<string, string | undefined>;
    });
    return units.map((unit) => {
      const found = read.find(({ Id }) => Id === unit) ?? {};
      return {
        unit,
        load: found["LoadState"] ?? "unknown",
        active: found["ActiveState"] ?? "unknown",
        result: found["Result"] ?? "",
        restarts: Number(found["NRestarts"] ?? 0),
        enabled: found["UnitFileState"] ?? "",
        pid: Number(found["MainPID"] ?? 0),
        invocation: found["InvocationID"] ?? "",
        needsReload: found["NeedDaemonReload"] === "yes",
        dropIns: (found["DropInPaths"] ?? "").split(" ").filter((path) => path !== ""),
      };
    });
  }

  /** Names of units that are loaded and fit the pattern. */
  async list(pattern: string): Promise<string[]> {
    const args = ["list-units", "--all", "--plain", "--no-legend", "--full", "--", pattern];
    const { stdout } = await this.#run(systemctl, args);
    return stdout.split("\n").flatMap((line) => line.trim().split(/\s+/)[0] || []);
  }

  reload = (): Promise<void> => this.#do("daemon-reload");
  enable = (units: readonly string[]): Promise<void> => this.#do("enable", ["--quiet", "--", ...units]);
  disable = (units: readonly string[]): Promise<void> => this.#do("disable", ["--quiet", "--", ...units]);
  start = (units: readonly string[]): Promise<void> => this.#do("start", ["--", ...units]);
  /** Doesn't wait until they are ready: who asks has a time limit of its own. */
  restartSoon = (units: readonly string[]): Promise<void> => this.#do("restart", ["--no-block", "--", ...units]);

  /** Stops units, sockets first: a connection would start a service again. One whose file somebody removed is stopped as far as it runs. */
  async stop(units: readonly string[]): Promise<void> {
    const known = (await this.show(units)).filter(canBeStopped).map(({ unit }) => unit);
    if (known.length === 0) return;
    const isSocket = (unit: string) => unit.endsWith(".socket");
    const inOrder = [...known.filter(isSocket), ...known.filter((unit) => !isSocket(unit))];
    for (let left = stopTries - 1; ; left--) {
      try {
        return await this.#do("stop", ["--", ...inOrder]);
      } catch (error) {
        // Whoever connected just before had a start begun, which takes the place of the stop.
        if (left === 0 || !(error instanceof BangerError) || !/^Job for .* cancell?ed/m.test(wordsOf(error)))
          throw error;
      }
    }
  }

  /** Forgets that units failed; those that didn't are none of its business. */
  async forgetFailures(units: readonly string[]): Promise<void> {
    await this.#run(systemctl, ["reset-failed", "--", ...units]);
  }

  async #do(verb: string, args: readonly string[] = []): Promise<void> {
    const work = async () => void (await mustRun(this.#run, systemctl, [verb, ...args]));
    if (this.#spans === undefined) return work();
    return this.#spans.span(`systemctl ${verb}`, { attributes: { [attribute.executable]: "systemctl" } }, work);
  }
}

/** Of others systemd says that they aren't loaded, and fails. */
function canBeStopped({ load, active }: UnitState): boolean {
  return active !== "inactive" || !["not-found", "bad-setting", "error"].includes(load);
}

function wordsOf({ details }: BangerError): string {
  const words = details?.["stderr"];
  return typeof words === "string" ? words : "";
}
