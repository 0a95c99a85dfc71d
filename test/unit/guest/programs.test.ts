import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { expect, it } from "vitest";

it("the guest's programs pass their own tests under sanitizers", () => {
  const output = execFileSync("make", ["--silent", "-C", "guest", "test"], { encoding: "utf8" });
  const tests = readdirSync("guest/test").filter((file) => file.endsWith("-test.c"));
  expect(output.trim().split("\n").toSorted()).toEqual(
    tests.map((file) => `ok ${file.replace("-test.c", "")}`).toSorted(),
  );
}, 120_000);
