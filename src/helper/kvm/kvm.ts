import { readFileSync, statSync, type Stats } from "node:fs";
import type { HelperDeps } from "../deps.ts";
import { identityArgs } from "../process/identity.ts";
import { freeUid } from "../process/uid-lease.ts";

/** Whether VMMs can use KVM here, why not, and the groups that let them. */
export interface KvmAnswer {
  readonly usable: boolean;
  readonly why: string;
  readonly groups: readonly number[];
}

/** KVM's device. */
export const kvmDevice = "/dev/kvm";
/** Where KVM is looked for. */
const files = { device: kvmDevice, cpuinfo: "/proc/cpuinfo" } as const;
const readAndWrite = 0o6;
/** A no is asked for again after this. */
const askAgainMs = 60_000;
/** Where every uid of the range is taken, whoever has none tries: what opens for a VMM is decided by the group. */
const nobody = 65_534;

/** Whether KVM can be used, by trying; asked again when the device's node is another one, and after a minute when it can't. */
export class Kvm {
  readonly #deps: Pick<HelperDeps, "command" | "facts" | "installation" | "layout" | "libc" | "programs">;
  #known: { readonly node: string; readonly answer: Promise<KvmAnswer> } | undefined;

  constructor(deps: Pick<HelperDeps, "command" | "facts" | "installation" | "layout" | "libc" | "programs">) {
    this.#deps = deps;
  }

  probe(): Promise<KvmAnswer> {
    const stat = statSync(files.device, { throwIfNoEntry: false });
    if (stat === undefined) return Promise.resolve(unusable(`there is no ${files.device}`));
    // Not when it changed: udev touches the node each time that a VM is made.
    const node = [stat.dev, stat.ino, stat.mode, stat.uid, stat.gid].join(":");
    if (this.#known?.node !== node) {
      const answer = this.#try(stat);
      this.#known = { node, answer };
      // What couldn't be tried is tried again; what failed may have done so for a passing reason.
      answer.then(
        ({ usable }) => usable || setTimeout(() => this.#forget(node), askAgainMs).unref(),
        () => this.#forget(node),
      );
    }
    return this.#known.answer;
  }

  #forget(node: string): void {
    if (this.#known?.node === node) this.#known = undefined;
  }

  /** Does as the VMM will: opens the device under a VMM's uid, with the device's group and nothing more, and makes a VM. */
  async #try(stat: Stats): Promise<KvmAnswer> {
    const { command, programs } = this.#deps;
    const groups = groupsFor(stat);
    const uid = freeUid(this.#deps) ?? nobody;
    const args = [...identityArgs(uid, groups), programs.kvmProbe, files.device];
    const { code, output } = await command("setpriv", args);
    const words = output.trim().slice(0, 200);
    if (code !== 0)
      return unusable(`${files.device} is there, but ${words || `the probe exited with ${code}`} (${modeOf(stat)})`);
    const flags = /^flags\s*:(.*)$/m.exec(readFileSync(files.cpuinfo, "utf8"))?.[1]?.split(" ") ?? [];
    if (!flags.includes("vmx") && !flags.includes("svm")) {
      return unusable(`${files.device} opens, but the CPU has neither vmx nor svm`);
    }
    return { usable: true, why: "a VMM's uid makes a VM with it, and the CPU has hardware virtualisation", groups };
  }
}

function unusable(why: string): KvmAnswer {
  return { usable: false, why, groups: [] };
}

/** The device's group, where it is what lets others in; never root's. */
function groupsFor({ mode, gid }: Stats): number[] {
  const isOpen = (mode & readAndWrite) === readAndWrite;
  const groupMay = ((mode >> 3) & readAndWrite) === readAndWrite;
  return !isOpen && groupMay && gid !== 0 ? [gid] : [];
}

function modeOf({ mode, uid, gid }: Stats): string {
  return `it is 0${(mode & 0o777).toString(8)} ${ownerName("/etc/passwd", uid)}:${ownerName("/etc/group", gid)}`;
}

/** The name that a file of /etc gives an id, else the id: the file may be empty, or gone while an editor replaces it. */
function ownerName(file: string, id: number): string {
  const line = linesOf(file).find((entry) => entry.split(":")[2] === String(id));
  return line?.split(":")[0] ?? String(id);
}

function linesOf(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n");
  } catch {
    return [];
  }
}
