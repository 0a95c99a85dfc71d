import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";

const source = join(import.meta.dirname, "../../../src/cli/copy/scratch.ts");

it.each([
  ["works in it", "process.exit()"],
  ["removes it", "setImmediate(() => process.exit())"],
])("a scratch directory is gone after a process that was told to leave while it %s", (_, leaves) => {
  const beside = mkdtempSync(join(tmpdir(), "banger-scratch-"));
  const script = `
    import { writeFileSync } from "node:fs";
    import { withScratch } from ${JSON.stringify(source)};
    await withScratch(Buffer.from(process.argv[1]), async (scratch) => {
      for (let index = 0; index < 2_000; index++) writeFileSync(scratch + "/" + index, "");
      ${leaves};
    });`;
  const { stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script, beside], { encoding: "utf8" });
  expect(stderr).toBe("");
  expect(readdirSync(beside)).toEqual([]);
  rmSync(beside, { recursive: true });
});
