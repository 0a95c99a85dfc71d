import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ResultOf } from "../../../src/rpc/contract/method.ts";
import type { systemContract } from "../../../src/rpc/contract/system.ts";
import { CliHost } from "../../support/scripted-daemon.ts";

type Items = ResultOf<typeof systemContract.systemReconcile>["items"];

let host: CliHost;
beforeEach(() => {
  host = new CliHost();
});
afterEach(() => host[Symbol.asyncDispose]());

const nobody = "00112233445566ff";
const planned: Items = [
  { vm_id: nobody, found: ["directory", "tap"], action: "remove", why: "no VM has this id" },
  { vm_id: "0a".repeat(8), name: "web", found: ["record"], action: "end", why: "its VMM is dead" },
  { path: "/state/scratch/make-1", found: ["scratch"], action: "remove", why: "it was being made" },
  { vm_id: "0b".repeat(8), name: "db", found: ["root disk"], action: "none", why: "it is gone" },
];
const serve = (items: Items) => host.serve({ systemReconcile: async () => ({ items }) });

describe("banger reconcile", () => {
  it("says that there is nothing to do", async () => {
    await serve([]);
    expect(await host.run(["reconcile"])).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^nothing to do; `banger doctor` .*\n$/) as string,
    });
  });

  it("tells a line for each thing, by name where it has one, and what would be done", async () => {
    await serve(planned);
    const { code, stdout } = await host.run(["system", "reconcile", "--dry-run"]);
    expect(code).toBe(0);
    expect(stdout.split("\n").map((line) => line.replace(/ {2,}/g, " | "))).toEqual([
      "WHAT | FOUND | OUTCOME | WHY",
      "001122334455 | directory, tap | would be removed | no VM has this id",
      "web | record | would be ended | its VMM is dead",
      "/state/scratch/make-1 | scratch | would be removed | it was being made",
      "db | root disk | stays | it is gone",
      "",
    ]);
  });

  it("exits with 1 when something could not be done, and says why in its line", async () => {
    await serve([
      { ...planned[0], found: ["tap"], action: "remove", why: "no VM has this id", error: "isn't banger's" },
      { ...planned[1], found: ["record"], action: "end", why: "its VMM is dead", outcome: "rebooting" },
    ]);
    const { code, stdout } = await host.run(["reconcile"]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/ tap +not done +isn't banger's\n/);
    expect(stdout).toMatch(/^web +record +rebooting +its VMM is dead$/m);
  });
});
