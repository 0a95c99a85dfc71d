import { configKeys, type ConfigKey, noSection } from "../../src/daemon/config/keys.ts";
import { mostBytes, mostDepth, mostFiles } from "../../src/daemon/home/pack-home.ts";

/** The page of the config file's keys. */
export function configReference(): string {
  const sections = Object.entries(configKeys as Record<string, Record<string, ConfigKey>>);
  return `# The config file

Made from \`src/daemon/config/keys.ts\`. The owner's \`$XDG_CONFIG_HOME/banger/config.toml\`, else \`~/.config/banger/config.toml\`, by the
daemon's environment and passwd, is TOML. It is read when a VM is made, so a change counts at once and touches no VM that is there; \`file_sync\` is
read at each start. A file that can't be taken at its word refuses \`vm create\` and \`vm run\` with \`bad_config\`, which names file, line, key and
what is accepted, and nothing else; a start is warned. \`banger doctor\` names it too. \`banger config show\` says what each key is, and where that comes from.

${sections.map(([section, keys]) => sectionOf(section, keys)).join("\n")}
${fileSyncNotes}`;
}

const fileSyncNotes = `## What \`file_sync\` copies

Whenever a VM starts, once a command can run in its guest, and so again when the guest reboots. What is there already is overwritten, trees are
merged, nothing is removed. It belongs to root in the guest, or to the entry's \`user\`, and keeps its permission bits (not those that set ids).
Directories on the way are made where they are missing. What changes in the guest never comes back.

Only regular files and directories of yours are read, each opened name by name below your home. Left out, with a warning that says the entry and
how many of what: what isn't there; a symbolic link as an entry or on its way (name what it leads to, and \`to\`); links in a directory that lead out of
it (others are copied as links); sockets, FIFOs, devices; what belongs to another user or can't be read; what is beyond ${mostBytes / 1024 ** 2} MiB or ${mostFiles} files
for all entries together, or deeper than ${mostDepth} directories; and root's \`.ssh/authorized_keys\`, by which banger itself comes in, and banger's own keys. Nothing of this
fails a start: \`vm start\` and \`vm show\` tell it. Neither what files contain nor what is in a directory is ever logged or traced.
`;

function sectionOf(section: string, keys: Record<string, ConfigKey>): string {
  const rows = Object.entries(keys).map(([name, { builtIn, show, summary, example }]) => {
    const preset = builtIn === null ? "" : `\`${JSON.stringify(show(builtIn))}\``;
    return `| \`${name}\` | ${summary} | ${preset} | \`${name} = ${example}\` |`;
  });
  return `## ${section === noSection ? "Above all sections" : `[${section}]`}

| key | what it is | built in | for example |
|---|---|---|---|
${rows.join("\n")}
`;
}
