import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { KernelError } from "../../../src/helper/kernel/libc.ts";
import type { HostCommand } from "../../../src/helper/process/host-command.ts";
import { ProgramVersions } from "../../../src/helper/process/program-versions.ts";
import { layoutOf } from "../../../src/installation/layout.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "banger-versions-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

/** A program of which each run says the next of these. */
const program = (name: string, ...answers: (string | BangerError | Awaited<ReturnType<HostCommand>>)[]) => {
  const path = join(directory, name);
  writeFileSync(path, "");
  const runs: (readonly string[])[] = [];
  const command: HostCommand = async (_, args) => {
    runs.push(args);
    const answer = answers[runs.length - 1] ?? "";
    if (answer instanceof BangerError) throw answer;
    return typeof answer === "string" ? { code: 0, output: answer } : answer;
  };
  // There is no uid that could be free, and no file: whoever has none asks.
  const installation = { uidFirst: 1, uidCount: 0 };
  const layout = layoutOf({ stateDir: directory, helperRunDir: directory, runDir: directory, id: "5eed0001" } as never);
  const openBelow = () => {
    throw new KernelError("openat2", constants.errno.ENOENT);
  };
  const deps = { command, facts: { vms: () => [] }, installation, layout, libc: { openBelow } };
  return { path, runs, versions: new ProgramVersions(deps as never) };
};

it.each([
  ["Firecracker v1.16.1\n\n2026 [anonymous-instance:main] Firecracker exiting successfully. exit_code=0\n", "1.16.1"],
  ["Jailer v1.17.0-dev\n", "1.17.0-dev"],
  ["QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright", "7.2.22"],
])("reads %j", async (said, version) => {
  const { path, versions } = program("one", said);
  expect(await versions.of(path)).toEqual({ version });
});

it("asks once, without privileges and for no longer than it lives itself, and again when the file is another", async () => {
  const { path, runs, versions } = program("two", "Firecracker v1.16.1", "Firecracker v1.17.0");
  expect(await Promise.all([versions.of(path), versions.of(path)])).toEqual(Array(2).fill({ version: "1.16.1" }));
  expect(runs).toHaveLength(1);
  expect(runs[0]).toEqual(expect.arrayContaining(["--pdeathsig=KILL", "--reuid=65534", "--no-new-privs"]));
  writeFileSync(path, "another");
  expect(await versions.of(path)).toEqual({ version: "1.17.0" });
});

it("answers what failed, and asks again", async () => {
  const trouble = new BangerError("host_failed", "the host has no memory left");
  const { path, versions } = program("three", trouble, "no version", "Firecracker v1.16.1");
  expect(await versions.of(path)).toEqual({ why: "the host has no memory left" });
  expect(await versions.of(path)).toMatchObject({ why: expect.stringContaining('said "no version"') as string });
  expect(await versions.of(path)).toEqual({ version: "1.16.1" });
});

it.each([
  ["a script", "hello 1.2", 'it is no Firecracker that can be run: --version ended with 0 and said "hello 1.2"'],
  [
    "a text",
    { code: 126, output: "setpriv: Exec format error" },
    'it is no Firecracker that can be run: --version ended with 126 and said "setpriv: Exec format error"',
  ],
])("takes %s for none of Firecracker's", async (name, answer, why) => {
  const { path, versions } = program(name, answer, "Firecracker v1.16.1");
  expect(await versions.of(path, "Firecracker")).toEqual({ why });
  expect(await versions.of(path, "Firecracker")).toEqual({ version: "1.16.1" });
});

it("says of one that hangs for how long it was waited for, and asks it again a minute later", async () => {
  vi.useFakeTimers();
  try {
    const { path, runs, versions } = program(
      "hangs",
      { code: 137, output: "", endedAfterMs: 3_000 },
      "Firecracker v1.16.1",
    );
    for (let n = 0; n < 2; n++) {
      expect(await versions.of(path)).toMatchObject({ why: "--version gave no answer in 3 s, and was ended" });
    }
    expect(runs).toHaveLength(1);
    vi.advanceTimersByTime(60_000);
    expect(await versions.of(path)).toEqual({ version: "1.16.1" });
  } finally {
    vi.useRealTimers();
  }
});
