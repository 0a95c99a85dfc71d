import { statSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { HelperDeps } from "../deps.ts";
import { identityArgs } from "./identity.ts";
import { freeUid } from "./uid-lease.ts";

/** What asking a program needs. */
type VersionDeps = Pick<HelperDeps, "command" | "facts" | "installation" | "layout" | "libc">;

/** What a program says of its version, or why it says none. */
export type ProgramVersion = { readonly version: string } | { readonly why: string; readonly isLate?: true };

/** A program's own name for itself, which its version begins with. */
export type ProgramName = "Firecracker" | "Jailer";

/** A program that takes longer is ended: less than the doctor waits for it. */
const answersWithinMs = 3_000;
/** One that took too long isn't waited for again within this. */
const askAgainMs = 60_000;

/** Where every uid of the range is taken, whoever has none asks. */
const nobody = 65_534;

/** The versions of programs, by `--version`; each is run once, as a uid that nobody has, until its file is another one. */
export class ProgramVersions {
  readonly #deps: VersionDeps;
  readonly #known = new Map<string, { readonly file: string; readonly version: Promise<ProgramVersion> }>();

  constructor(deps: VersionDeps) {
    this.#deps = deps;
  }

  /** The version of the program at a path, which may be a link, and which is to be what its name says. What it can't say is an answer, and asked for again. */
  of(path: string, name?: ProgramName): Promise<ProgramVersion> {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    const file = [dev, ino, size, mtimeNs, ctimeNs].join(":");
    const known = this.#known.get(path);
    if (known?.file === file) return known.version;
    const version = this.#ask(path, name).catch((error: unknown): ProgramVersion => ({ why: reasonOf(error) }));
    this.#known.set(path, { file, version });
    const forget = () => {
      if (this.#known.get(path)?.version === version) this.#known.delete(path);
    };
    void version.then((said) => {
      if (!("why" in said)) return;
      if (said.isLate === true) setTimeout(forget, askAgainMs).unref();
      else forget();
    });
    return version;
  }

  async #ask(path: string, name?: ProgramName): Promise<ProgramVersion> {
    const uid = freeUid(this.#deps) ?? nobody;
    // Whatever becomes of this process, it ends too.
    const as = ["--pdeathsig=KILL", ...identityArgs(uid, [])];
    const asked = [...as, path, "--version"];
    const { code, output, endedAfterMs } = await this.#deps.command("setpriv", asked, {}, answersWithinMs);
    if (endedAfterMs !== undefined) {
      return { why: `--version gave no answer in ${endedAfterMs / 1_000} s, and was ended`, isLate: true };
    }
    const [line = ""] = output.split("\n");
    const version = /\bv?(\d+\.\d+[\w.+-]*)/.exec(line)?.[1];
    const isIt = name === undefined || line.startsWith(`${name} v`);
    if (code === 0 && isIt && version !== undefined) return { version };
    const said = `--version ended with ${code} and said ${JSON.stringify(line.slice(0, 200))}`;
    return { why: name === undefined ? said : `it is no ${name} that can be run: ${said}` };
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof BangerError) return error.plain;
  return error instanceof Error ? error.message : String(error);
}
