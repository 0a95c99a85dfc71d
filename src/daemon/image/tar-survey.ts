import { refused } from "./source.ts";
import type { TarMember } from "./tar-reader.ts";

/** What is known of an archive before any of it is unpacked. */
export interface TarFacts {
  /** The directory in it that is the root file system; empty when that is its top. */
  readonly root: string;
  /** What stands beside that directory, and is left out. */
  readonly beside: readonly string[];
  /** Bytes that its files take, at least. */
  readonly bytes: number;
  /** The highest owner or group. */
  readonly highestId: number;
  /** Device nodes that are not below the root's own `dev`. */
  readonly devices: readonly string[];
  /** How many members have access control lists. */
  readonly acls: number;
  /** How many members have capabilities, or other attributes of `security`. */
  readonly capable: number;
  /** True where one archive follows another behind its end. */
  readonly joined: boolean;
}

const mostMembers = 5_000_000;
const tops = ["bin", "usr", "sbin"];
const blockBytes = 4_096;

/** Looks at an archive's members, and refuses what can't become a root file system as it is. */
export class TarSurvey {
  readonly #path: string;
  readonly #below = new Map<string, Set<string>>();
  readonly #links = new Map<string, string>();
  readonly #devices: string[] = [];
  #members = 0;
  #acls = 0;
  #capable = 0;
  bytes = 0;
  #highestId = 0;

  constructor(path: string) {
    this.#path = path;
  }

  take({ name: said, type, link, size, uid, gid, acl, security }: TarMember): void {
    if (type === "V") return;
    if (type === "M") throw this.#refuse(`is a part of an archive in several volumes; put them together first`);
    if (++this.#members > mostMembers) throw this.#refuse(`has more than ${mostMembers} members`);
    const parts = said.split("/").filter((part) => part !== "" && part !== ".");
    const name = parts.join("/");
    this.#mustBePossible(said, parts, name);
    if (type === "2") this.#links.set(name, link);
    else this.#links.delete(name);
    if ((type === "3" || type === "4") && this.#devices.length < 1_000) this.#devices.push(name);
    this.bytes += Math.ceil(size / blockBytes) * blockBytes;
    if (!validId(uid) || !validId(gid)) throw this.#refuse(`gives ${shown(said)} an owner that Linux doesn't have`);
    this.#highestId = Math.max(this.#highestId, uid, gid);
    if (acl) this.#acls++;
    if (security) this.#capable++;
    const [top, second] = parts;
    if (top === undefined) return;
    const below = this.#below.get(top) ?? new Set();
    this.#below.set(top, below);
    if (second !== undefined && below.size < 1_000) below.add(second);
  }

  /** What was seen, once all members were. */
  facts(joined: boolean): TarFacts {
    const root = this.#root();
    const ownDev = root === "" ? "dev/" : `${root}/dev/`;
    return {
      root,
      beside: root === "" ? [] : [...this.#below.keys()].filter((top) => top !== root).map(shown),
      bytes: this.bytes,
      acls: this.#acls,
      capable: this.#capable,
      joined,
      highestId: this.#highestId,
      devices: this.#devices
        .filter((name) => !name.startsWith(ownDev) && (root === "" || name.startsWith(`${root}/`)))
        .map(shown),
    };
  }

  #mustBePossible(said: string, parts: readonly string[], name: string): void {
    if (parts.includes(".."))
      throw this.#refuse(
        `has a member ${shown(said)}, whose name leads out of it; pack it from the tree's top: tar -C TREE -cf root.tar .`,
      );
    if (name.length > 4_000 || parts.some((part) => part.length > 255)) {
      throw this.#refuse(
        `has a member ${shown(said)}, whose name is longer than ext4 allows (255 bytes, 4000 for a path)`,
      );
    }
    if (parts.at(-1)?.startsWith(".wh.") === true) {
      throw this.#refuse(
        `is a layer of a container image: ${shown(said)} removes what a lower layer has; ${wholeTree}`,
      );
    }
    for (let length = 1; length < parts.length; length++) {
      const above = parts.slice(0, length).join("/");
      const link = this.#links.get(above);
      // Within the tree tar follows a link; what leads elsewhere it makes at the end.
      if (link === undefined || !(link.startsWith("/") || link.split("/").includes(".."))) continue;
      throw this.#refuse(
        `has a member ${shown(said)} below ${shown(above)}, which it makes a link to ${shown(link)}; pack the tree anew`,
      );
    }
  }

  #root(): string {
    const below = this.#below;
    if (this.#members === 0 || below.size === 0)
      throw this.#refuse("is an archive of nothing; check what it was made from");
    if (tops.some((top) => below.has(top))) return "";
    if (
      below.has("oci-layout") ||
      (below.has("manifest.json") &&
        (below.has("repositories") ||
          below.has("blobs") ||
          [...below.values()].some((names) => names.has("layer.tar"))))
    ) {
      throw this.#refuse(`is a container image in layers, not a root file system; ${wholeTree}`);
    }
    const candidates = [...below].filter(([, names]) => tops.some((top) => names.has(top))).map(([top]) => top);
    const [only] = candidates;
    if (candidates.length === 1 && only !== undefined && /^[\w.+-]+$/.test(only)) return only;
    const found = candidates.length > 1 ? ` (${candidates.map(shown).join(" and ")} each look like one)` : "";
    throw this.#refuse(
      `is not a root file system: it has neither bin, sbin nor usr at its top${found}; pack the right directory: tar -C DIRECTORY -cf root.tar .`,
    );
  }

  #refuse(why: string) {
    return refused(this.#path, why);
  }
}

const wholeTree = "give the whole tree: docker export $(docker create IMAGE) >root.tar (podman has the same)";

function validId(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id < 0xffff_ffff;
}

/** A name for people: what was Latin-1 by bytes as UTF-8, in quotes where it has odd characters. */
function shown(name: string): string {
  const text = Buffer.from(name, "latin1").toString();
  const short = text.length > 120 ? `${text.slice(0, 117)}…` : text;
  return /^[\w./@:+,=-]+$/.test(short) ? short : JSON.stringify(short);
}
