import { lstatSync, statSync } from "node:fs";
import { helperContract } from "../../rpc/contract/helper.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { HelperLink } from "../helper/helper-link.ts";

/** What the helper says of a VMM of this host. */
export type SeenVmm = ResultOf<typeof helperContract.vmmProbe>["vmms"][number];

/** What looking for VMMs needs. */
export interface VmmProbesDeps {
  readonly helper: Pick<HelperLink, "call">;
  /** Where Firecracker and its jailer are looked for. */
  readonly places: { readonly firecracker: readonly string[]; readonly jailer: readonly string[] };
}

/** What can't be used is asked about again after this. */
const askAgainMs = 60_000;

/** The VMMs of this host, which the helper tries: it is asked once, and again when a program is another file than it was. */
export class VmmProbes {
  readonly #deps: VmmProbesDeps;
  #known: { readonly files: string; readonly answer: Promise<readonly SeenVmm[]> } | undefined;

  constructor(deps: VmmProbesDeps) {
    this.#deps = deps;
  }

  /** Where Firecracker is looked for. */
  get places(): readonly string[] {
    return this.#deps.places.firecracker;
  }

  /** Whether there is anything to ask about Firecracker. */
  hasFirecracker(): boolean {
    return this.places.some((path) => identityOf(path) !== "");
  }

  /** What the helper said when it was asked last; it is asked where something changed since. */
  vmms(): Promise<readonly SeenVmm[]> {
    return this.#known?.files === this.#files() ? this.#known.answer : this.ask();
  }

  /** Asks the helper. */
  ask(): Promise<readonly SeenVmm[]> {
    const known = { files: this.#files(), answer: this.#askHelper() };
    this.#known = known;
    const forget = () => {
      if (this.#known === known) this.#known = undefined;
    };
    // A failure says nothing of the programs, and what can't be used may be so for a passing reason.
    known.answer.then(
      (vmms) => vmms.every(({ usable }) => usable) || setTimeout(forget, askAgainMs).unref(),
      () => forget(),
    );
    return known.answer;
  }

  /** Forgets what a helper said that isn't the one any more. */
  forget(): void {
    this.#known = undefined;
  }

  async #askHelper(): Promise<readonly SeenVmm[]> {
    return (await this.#deps.helper.call(helperContract.vmmProbe, {})).vmms;
  }

  /** What tells the programs from others in their places. */
  #files(): string {
    const { firecracker, jailer } = this.#deps.places;
    return [...firecracker, ...jailer].map(identityOf).join("\n");
  }
}

/** Empty for what isn't there, or can't be seen; a link to nothing is there, which the helper tells. */
function identityOf(path: string): string {
  return [statSync, lstatSync].map((look) => identityBy(look, path)).find((identity) => identity !== "") ?? "";
}

function identityBy(look: typeof statSync | typeof lstatSync, path: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = look(path, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
  } catch (error) {
    if (saysOfHost.has((error as NodeJS.ErrnoException).code)) throw error;
    return "";
  }
}

/** What says something of the host, and nothing of the file. */
const saysOfHost: ReadonlySet<string | undefined> = new Set(["EMFILE", "ENFILE", "ENOMEM", "EIO"]);
