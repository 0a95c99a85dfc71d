import { BangerError } from "../../rpc/contract/errors.ts";

/** The manifest's name in a package and in an installed version. */
export const manifestName = "manifest.json";

/** One file of a package: what it has to be once it is installed. */
export interface PackedFile {
  /** From the package's root, with `/`. */
  readonly path: string;
  readonly executable: boolean;
  readonly size: number;
  /** Of its bytes, in hex digits. */
  readonly sha256: string;
}

/** What a package says about itself. */
export interface Manifest {
  readonly version: string;
  /** The schema of the store that its daemon writes; an older daemon can't read a newer one. */
  readonly schema: number;
  /** The version of the Node that is in it. */
  readonly node: string;
  readonly files: readonly PackedFile[];
}

/** Names a directory, and nothing above or below one. */
const versionPattern = /^[0-9][0-9A-Za-z.+~-]{0,63}$/;

/** Reads a manifest; whatever is wrong with it is said with the file's name. */
export function parseManifest(text: string, path: string): Manifest {
  const refuse = (why: string) =>
    new BangerError("bad_content", `${path}: ${why}`, {
      details: { hint: "Unpack the package anew, and check its sum." },
    });
  let read: Partial<Manifest> | null;
  try {
    read = JSON.parse(text) as Partial<Manifest> | null;
  } catch (cause) {
    throw new BangerError("bad_content", `${path}: is no JSON`, { cause });
  }
  const { version, schema, node, files } = read ?? {};
  if (typeof version !== "string" || !versionPattern.test(version)) throw refuse("has no version");
  if (typeof schema !== "number" || typeof node !== "string" || !Array.isArray(files)) throw refuse("is cut short");
  const list = files as readonly Partial<PackedFile>[];
  const wrong = list.find(({ path: name, sha256 }) => !isInside(name) || !/^[0-9a-f]{64}$/.test(sha256 ?? ""));
  if (wrong !== undefined) throw refuse(`names ${JSON.stringify(wrong.path)} in a way that isn't accepted`);
  return { version, schema, node, files: list as readonly PackedFile[] };
}

/** The text of a manifest. */
export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 1)}\n`;
}

function isInside(path: string | undefined): boolean {
  return path !== undefined && path !== "" && path.split("/").every((part) => !["", ".", ".."].includes(part));
}
