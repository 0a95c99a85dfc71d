import { existsSync } from "node:fs";
import type { Layout } from "../../../installation/layout.ts";
import type { Warning } from "../../../rpc/contract/warning.ts";
import type { SshKeys } from "../../ssh/ssh-keys.ts";
import type { Step } from "../../step/step-runner.ts";
import type { Starting } from "../parts/part.ts";
import type { StoredVm } from "../vm-records.ts";

/** What a start that finds no host key needs. */
export interface LostHostKeyDeps {
  readonly layout: Pick<Layout, "vm">;
  readonly keys: Pick<SshKeys, "makeHostKey">;
}

/** The step that makes a VM's host key anew, where somebody removed it: without one it would never start again. */
export function lostHostKey(
  { layout, keys }: LostHostKeyDeps,
  { id, name }: StoredVm,
  warnings: Warning[],
): Step<Starting>[] {
  const files = layout.vm(id);
  if (existsSync(files.hostKey) && existsSync(`${files.hostKey}.pub`)) return [];
  return [
    {
      name: "host_key",
      do: async () => {
        await keys.makeHostKey(files, id);
        warnings.push({
          code: "host_key_made",
          message: `the SSH host key of vm ${name} was gone: it has a new one`,
          hint: "`banger ssh` knows it; where you keep known hosts of your own, put it there in the old one's place.",
        });
      },
      undo: { none: "the next start finds it" },
    },
  ];
}
