import { mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openDatabase } from "../../../src/daemon/store/database.ts";
import { compareMarks } from "../../../src/daemon/store/database-mark.ts";

it("a mark that can't be put in place is said, and leaves no half of one", () => {
  const directory = mkdtempSync(join(tmpdir(), "banger-mark-"));
  const database = openDatabase(join(directory, "banger.db"));
  try {
    const at = (name: string) => join(directory, "state", name);
    // The draft can be written, and what it is to replace can't be replaced.
    mkdirSync(at("last-mark/kept"), { recursive: true });
    const warnings: unknown[] = [];
    const log = { warn: (...said: unknown[]) => warnings.push(said), error: () => undefined };
    const layout = { databaseMark: at("last-mark"), vms: at("vms"), images: at("images"), kernels: at("kernels") };
    compareMarks({ layout, database, log: log as never });
    expect(warnings).toHaveLength(1);
    expect(readdirSync(at("."))).toEqual(["last-mark"]);
  } finally {
    database.close();
    rmSync(directory, { recursive: true });
  }
});
