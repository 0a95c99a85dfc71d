import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { noSandbox } from "../../support/sandbox.ts";

it.skipIf(noSandbox)(
  `a full btrfs, where what is overwritten takes new space, ends no process${noSandbox ? ` (${noSandbox})` : ""}`,
  { timeout: 120_000 },
  () => {
    const directory = mkdtempSync(join(tmpdir(), "banger-full-"));
    try {
      const inside = `cd "$0" && truncate --size=200M file && mkfs.btrfs -q -m single file >&2 && mkdir at && mount -o loop file at && exec node "$1" at`;
      const argv = ["--mount", "sh", "-c", inside, directory, join(process.cwd(), "test/support/full-disk.ts")];
      const said = JSON.parse(execFileSync("unshare", argv, { encoding: "utf8" })) as Record<string, unknown>;
      expect(said).toMatchObject({ list: "ok", "room when full": "no_space" });
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);

it.skipIf(noSandbox)(
  `on a full disk ends and removals are recorded, what takes space is refused, and the reserve comes back with the room${noSandbox ? ` (${noSandbox})` : ""}`,
  () => {
    const directory = mkdtempSync(join(tmpdir(), "banger-full-"));
    try {
      const inside = `mount -t tmpfs -o size=24M full "$0" && exec node test/support/full-disk.ts "$0"`;
      const argv = ["--mount", "sh", "-c", inside, directory];
      const said = JSON.parse(execFileSync("unshare", argv, { encoding: "utf8" })) as Record<string, unknown>;
      expect(said).toMatchObject({
        "room at first": "ok",
        list: "ok",
        stop: "ok",
        transaction: "ok",
        delete: "ok",
        "image rm": "ok",
        "room when full": "no_space",
        complaints: 1,
        // What can't be written is known all the same.
        "newest while full": `op-${(400).toString(16).padStart(32, "0")}`,
        "last while full": 40,
        "stop after chatter": "ok",
        "transaction without an inch": "no_space",
        "after a transaction that failed": "ok",
        "vms left": 8,
        "room when freed": "ok",
        reserve: 4 * 1024 * 1024,
        "newest operation": `op-${(400).toString(16).padStart(32, "0")}`,
      });
      // What the reserve's size was chosen by.
      expect(said["bytes of one stop and its trace"]).toBeLessThan(64 * 1024);
    } finally {
      rmSync(directory, { recursive: true });
    }
  },
);
