import { describe, expect, it } from "vitest";
import { isAskedFor, labelsOf, type VmFilter } from "../../../src/daemon/vm/labels.ts";
import { label, labelFilter } from "../../../src/rpc/contract/fields.ts";

describe("labels", () => {
  it.each([
    ["team=infra", true],
    ["ci/job.name_1=", true],
    ["a=b=c", true],
    ["owner=Jürgen Ö", true],
    ["team", false],
    ["=x", false],
    ["Team=x", false],
    ["-a=x", false],
    ["a-=x", false],
    ["a=line\nline", false],
    ["a=\u001b[31m", false],
    [`${"k".repeat(64)}=x`, false],
    [`a=${"v".repeat(256)}`, false],
  ])("%j is one: %s", (text, is) => expect(label.safeParse(text).success).toBe(is));

  it("are asked for by their keys too", () => {
    expect(labelFilter.safeParse("team").success).toBe(true);
    expect(labelFilter.safeParse("team=infra").success).toBe(true);
    expect(labelFilter.safeParse("TEAM").success).toBe(false);
  });

  it("keep what is behind the first =, and refuse two values of one key", () => {
    expect(labelsOf(["a=b=c", "d=", "a=b=c"])).toEqual({ a: "b=c", d: "" });
    expect(() => labelsOf(["a=1", "a=2"])).toThrow("label: a is given two values");
  });
});

describe("a VM that runs with labels a=1 and b=", () => {
  it.each<[VmFilter, boolean]>([
    [{}, true],
    [{ label: ["a"] }, true],
    [{ label: ["a=1", "b="] }, true],
    [{ label: ["a=1", "c"] }, false],
    [{ label: ["a=2"] }, false],
    [{ label: ["constructor"] }, false],
    [{ state: ["stopped", "running"] }, true],
    [{ state: ["stopped"], label: ["a"] }, false],
  ])("asked for by %j: %s", (filter, is) =>
    expect(isAskedFor({ state: "running", labels: { a: "1", b: "" } }, filter)).toBe(is),
  );
});
