import { expect, it } from "vitest";
import { TscRate } from "../../../src/helper/tsc/tsc-rate.ts";
import { createLogger } from "../../../src/telemetry/log.ts";

it.each<[string, () => Promise<{ code: number; output: string }>, number | undefined, number]>([
  ["is what was measured", async () => ({ code: 0, output: "2594590\n" }), 2_594_590, 0],
  ["isn't known where the program says that it can't tell", async () => ({ code: 1, output: "" }), undefined, 1],
  ["isn't known where the program says something else", async () => ({ code: 0, output: "fast\n" }), undefined, 1],
  ["isn't known where there is no program", () => Promise.reject(new Error("ENOENT")), undefined, 1],
])("the rate of the counter %s; it is asked once", async (_, answer, expected, warned) => {
  const asked: (readonly string[])[] = [];
  const warnings: string[] = [];
  const rate = new TscRate({
    programs: { tscRate: "/tsc-rate" },
    log: createLogger("bangerd-root", { write: (line) => void warnings.push(line) }),
    command: (_program, args) => {
      asked.push(args);
      return answer();
    },
  });
  expect([await rate.khz(), await rate.khz()]).toEqual([expected, expected]);
  expect(asked).toEqual([["--no-new-privs", "/tsc-rate"]]);
  expect(warnings).toHaveLength(warned);
});
