import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Installation } from "./install-file.ts";

/** A file by which systemd runs banger: where it belongs, and what it says. */
export interface UnitFile {
  readonly path: string;
  readonly mode: number;
  readonly text: string;
}

/** What units are made for. */
export interface UnitOptions {
  readonly installation: Installation;
  /** The install file's path. */
  readonly config: string;
  /** The owner, as passwd has him. */
  readonly owner: { readonly name: string; readonly home: string };
  /** The directory of the tree that runs: `bin/` is in it. */
  readonly root: string;
  /** The text of a template of `deploy/systemd`. */
  readonly template: (name: string) => string;
}

/** The templates, and where what is made of each belongs. */
const files: readonly (readonly [template: string, path: string])[] = [
  ["bangerd.service", "/etc/systemd/system/bangerd.service"],
  ["bangerd.socket", "/etc/systemd/system/bangerd.socket"],
  ["bangerd-root.service", "/etc/systemd/system/bangerd-root.service"],
  ["bangerd-root.socket", "/etc/systemd/system/bangerd-root.socket"],
  ["banger-build.socket", "/etc/systemd/system/banger-build.socket"],
  ["banger-build@.service", "/etc/systemd/system/banger-build@.service"],
  ["banger.slice", "/etc/systemd/system/banger.slice"],
  ["tmpfiles.conf", "/etc/tmpfiles.d/banger.conf"],
];

/** The units that start with the host; the others are started by the daemon, which connects to them. */
export const enabledUnits = [
  "bangerd-root.socket",
  "banger-build.socket",
  "bangerd.socket",
  "bangerd.service",
] as const;

/** Where a template is in a tree. */
export const templatePath = (name: string): string => `deploy/systemd/${name}`;

/** The templates of a tree, as they lie in it. */
export function templatesOf(tree: string): UnitOptions["template"] {
  return (name) => readFileSync(join(tree, templatePath(name)), "utf8");
}

/** All the files by which systemd runs an installation. */
export function unitFiles(options: UnitOptions): UnitFile[] {
  const values = valuesOf(options);
  return files.map(([template, path]) => ({ path, mode: 0o644, text: fill(options.template(template), values) }));
}

function valuesOf({ installation, config, owner, root }: UnitOptions): Readonly<Record<string, string>> {
  const { stateDir, runDir, helperRunDir } = installation;
  return {
    OWNER: owner.name,
    OWNER_HOME: owner.home,
    ROOT: root,
    CONFIG: config,
    STATE_DIR: stateDir,
    RUN_DIR: runDir,
    HELPER_RUN_DIR: helperRunDir,
    // Root's process sees homes only where something of banger's lies in one.
    PROTECT_HOME: [stateDir, root, config].some((path) => homes.test(path)) ? "read-only" : "yes",
  };
}

/** What ProtectHome= hides. */
const homes = /^\/(home|root|run\/user)(\/|$)/;
/** What systemd takes as it is written, wherever it stands: no spaces, quotes, specifiers, variables or lists. */
const plain = /^[A-Za-z0-9/._@+~-]+$/;

function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/@([A-Z_]+)@/g, (placeholder, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(`${placeholder}: a template asks for what there isn't`);
    if (!plain.test(value)) {
      throw new Error(
        `${JSON.stringify(value)} can't stand in a unit of systemd's; choose one of letters, digits and / . _ @ + ~ -`,
      );
    }
    return value;
  });
}
