import { afterEach, beforeEach, expect, it } from "vitest";
import { CliHost } from "../../support/scripted-daemon.ts";

let host: CliHost;
beforeEach(() => {
  host = new CliHost();
});
afterEach(() => host[Symbol.asyncDispose]());

const answers = {
  version: "1.0.0",
  pid: 42,
  helper: "available" as const,
  accelerator: null,
  requests: { traced: 0, polls: 0 },
};

it.each([
  [
    "is new",
    { database: "new" as const, unowned: 3 },
    /^database +new: 3 directories have no record, and stay; `banger doctor`/m,
  ],
  [
    "is an older one",
    { database: "older" as const, unowned: 1 },
    /^database +older than what lies beside it: 1 director/m,
  ],
])("daemon status says that the database %s", async (_, database, says) => {
  await host.serve({ ping: async () => ({ ...answers, database }) });
  expect((await host.run(["daemon", "status"])).stdout).toMatch(says);
});

it("daemon status says nothing of a database that is the state's own", async () => {
  await host.serve({ ping: async () => answers });
  expect((await host.run(["daemon", "status"])).stdout).not.toContain("database");
});

it.each([
  ["none", { kept: 0, output: 0, helper: 0, collector: 0 }, 0, /^log records +none dropped$/m],
  [
    "where each was",
    { kept: 7, output: 2, helper: 1, collector: 300 },
    3,
    /^log records +7 dropped by the log .*; 2 dropped by its output .*; 1 dropped of the helper's.*; 300 dropped on their way to the collector; the last 3 /m,
  ],
])("daemon status counts log records that were dropped: %s", async (_, dropped, untold, says) => {
  await host.serve({ ping: async () => ({ ...answers, logs: { dropped, untold } }) });
  expect((await host.run(["daemon", "status"])).stdout).toMatch(says);
  expect(JSON.parse((await host.run(["daemon", "status", "--json"])).stdout)).toMatchObject({
    logs: { dropped, untold },
  });
});
