import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { guestPrograms } from "../../../src/daemon/guest/guest-programs.ts";

it("the guest's programs are read once, when they are first wanted, and what is missing is named", () => {
  const directory = mkdtempSync(join(tmpdir(), "banger-programs-"));
  try {
    const programs = guestPrograms(directory);
    expect(programs).toThrow(
      expect.objectContaining({
        code: "missing_tool",
        message: expect.stringContaining(`${directory}/init`) as string,
      }) as Error,
    );
    writeFileSync(join(directory, "init"), "the init");
    writeFileSync(join(directory, "banger-agent"), "the agent");
    execFileSync("cpio", ["--extract", "--quiet", "--make-directories"], { cwd: directory, input: programs() });
    expect(readFileSync(join(directory, "banger/agent"), "utf8")).toBe("the agent");
    writeFileSync(join(directory, "init"), "another init, made later");
    expect(programs().includes("another init, made later")).toBe(false);
  } finally {
    rmSync(directory, { recursive: true });
  }
});
