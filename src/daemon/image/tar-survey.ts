import { OutwardLinks, owned } from "./outward-links.ts";
import { refused } from "./source.ts";
import type { TarMember } from "../../archive/tar-reader.ts";

/** What is known of an archive before any of it is unpacked. */
export interface TarFacts {
  /** The directory in it that is the root file system; empty when that is its top. */
  readonly root: string;
  /** How that directory is spelt (`rootfs`, `./rootfs`), for tar takes names as they are; empty when the root is the top. */
  readonly spelt: readonly string[];
  /** What stands beside that directory, and is left out: the first names, and how many more. */
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
/** Names below the top that tell what an archive is; others aren't kept. */
const telling = new Set([...tops, "layer.tar"]);
/** How many bytes of names are kept, each with what an entry costs. */
const mostKept = 64 * 1024 * 1024;
const entryBytes = 128;
const mostSpellings = 16;
const besideShown = 10;
const blockBytes = 4_096;

/** Looks at an archive's members, and refuses what can't become a root file system as it is. */
export class TarSurvey {
  readonly #path: string;
  readonly #below = new Map<string, Top>();
  readonly #links = new OutwardLinks((bytes) => this.#keep(bytes));
  readonly #devices: string[] = [];
  #members = 0;
  #kept = 0;
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
    this.#mustBePossible(said, parts);
    // Within the tree tar follows a link; what leads elsewhere it makes at the end.
    if (type === "2" && leadsOut(link)) this.#links.set(parts, link);
    else this.#links.delete(parts);
    if ((type === "3" || type === "4") && this.#devices.length < 1_000) this.#devices.push(owned(parts.join("/")));
    this.bytes += Math.ceil(size / blockBytes) * blockBytes;
    if (!validId(uid) || !validId(gid)) throw this.#refuse(`gives ${shown(said)} an owner that Linux doesn't have`);
    this.#highestId = Math.max(this.#highestId, uid, gid);
    if (acl) this.#acls++;
    if (security) this.#capable++;
    this.#takeTop(said, parts);
  }

  #takeTop(said: string, [name, second]: readonly string[]): void {
    if (name === undefined) return;
    let top = this.#below.get(name);
    if (top === undefined) {
      this.#keep(name.length);
      top = { names: new Set(), spelt: new Set() };
      this.#below.set(owned(name), top);
    }
    if (second !== undefined && telling.has(second)) top.names.add(second);
    const spelt = said.slice(0, said.indexOf(name) + name.length);
    if (top.spelt.has(spelt) || top.spelt.size > mostSpellings) return;
    this.#keep(spelt.length);
    top.spelt.add(owned(spelt));
  }

  /** What was seen, once all members were. */
  facts(joined: boolean): TarFacts {
    const root = this.#root();
    const spelt = [...(this.#below.get(root)?.spelt ?? [])];
    if (spelt.length > mostSpellings) throw this.#refuse(`spells ${shown(root)} in too many ways; pack the tree anew`);
    const ownDev = root === "" ? "dev/" : `${root}/dev/`;
    return {
      root,
      spelt,
      beside: root === "" ? [] : this.#beside(root),
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

  #beside(root: string): string[] {
    const names = [...this.#below.keys()].filter((top) => top !== root);
    const more = names.length - besideShown;
    return [...names.slice(0, besideShown).map(shown), ...(more > 0 ? [`${more} more`] : [])];
  }

  #keep(bytes: number): void {
    this.#kept += bytes + entryBytes;
    if (this.#kept > mostKept)
      throw this.#refuse(
        "has more names at its top, and links that lead out of it, than any root file system; check what it was made from",
      );
  }

  #mustBePossible(said: string, parts: readonly string[]): void {
    if (parts.includes(".."))
      throw this.#refuse(
        `has a member ${shown(said)}, whose name leads out of it; pack it from the tree's top: tar -C TREE -cf root.tar .`,
      );
    if (
      parts.reduce((length, part) => length + part.length + 1, -1) > 4_000 ||
      parts.some((part) => part.length > 255)
    ) {
      throw this.#refuse(
        `has a member ${shown(said)}, whose name is longer than ext4 allows (255 bytes, 4000 for a path)`,
      );
    }
    if (parts.at(-1)?.startsWith(".wh.") === true) {
      throw this.#refuse(
        `is a layer of a container image: ${shown(said)} removes what a lower layer has; ${wholeTree}`,
      );
    }
    const through = this.#links.above(parts);
    if (through === undefined) return;
    const above = parts.slice(0, through.depth).join("/");
    throw this.#refuse(
      `has a member ${shown(said)} below ${shown(above)}, which it makes a link to ${shown(through.link)}; pack the tree anew`,
    );
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
          [...below.values()].some(({ names }) => names.has("layer.tar"))))
    ) {
      throw this.#refuse(`is a container image in layers, not a root file system; ${wholeTree}`);
    }
    const candidates = [...below].filter(([, { names }]) => tops.some((top) => names.has(top))).map(([top]) => top);
    const [only] = candidates;
    if (candidates.length === 1 && only !== undefined && /^[\w.+-]+$/.test(only)) return only;
    const found =
      candidates.length > 1 ? ` (${candidates.slice(0, besideShown).map(shown).join(" and ")} each look like one)` : "";
    throw this.#refuse(
      `is not a root file system: it has neither bin, sbin nor usr at its top${found}; pack the right directory: tar -C DIRECTORY -cf root.tar .`,
    );
  }

  #refuse(why: string) {
    return refused(this.#path, why);
  }
}

/** What is known of a name at the top. */
interface Top {
  /** Of what is below it, the names that tell. */
  readonly names: Set<string>;
  readonly spelt: Set<string>;
}

const wholeTree = "give the whole tree: docker export $(docker create IMAGE) >root.tar (podman has the same)";

function leadsOut(link: string): boolean {
  return link.startsWith("/") || link.split("/").includes("..");
}

function validId(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id < 0xffff_ffff;
}

/** A name for people: what was Latin-1 by bytes as UTF-8, in quotes where it has odd characters. */
function shown(name: string): string {
  const text = Buffer.from(name, "latin1").toString();
  const short = text.length > 120 ? `${text.slice(0, 117)}…` : text;
  return /^[\w./@:+,=-]+$/.test(short) ? short : JSON.stringify(short);
}
