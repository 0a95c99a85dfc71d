import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { loadLibc } from "../../../src/helper/kernel/libc.ts";
import { childrenOf, killProcess, processFacts } from "../../../src/helper/process/process-facts.ts";

describe("a process that is to be killed", () => {
  const libc = loadLibc();
  const started = async () => {
    const child = spawn("sleep", ["1000"]);
    await once(child, "spawn");
    const facts = processFacts(child.pid ?? 0);
    if (facts === undefined) throw new Error("it ended");
    return { child, facts };
  };

  it.each([
    ["that started at another time", { starttime: "1" }],
    ["of another boot", { boot_id: "another" }],
  ])("is no other %s, with its pid", async (_, other) => {
    const { child, facts } = await started();
    const now = processFacts(process.pid);
    killProcess(libc, { ...facts, ...other });
    expect(childrenOf({ ...(now ?? facts), ...other })).toEqual([]);
    expect(processFacts(facts.pid)).toEqual(facts);
    killProcess(libc, facts);
    expect(await once(child, "exit")).toEqual([null, "SIGKILL"]);
    // Gone: nothing is done, and nothing thrown.
    killProcess(libc, facts);
  });

  it("is found among its parent's children", async () => {
    const { child, facts } = await started();
    const parent = processFacts(process.pid);
    expect(parent === undefined ? [] : childrenOf(parent)).toContainEqual(facts);
    child.kill("SIGKILL");
    await once(child, "exit");
  });
});
