import { expect, it } from "vitest";
import { lateBoot, moreCpus } from "../../../src/daemon/vm/more-cpus.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";

it.each([
  [1, 2, []],
  [2, 2, []],
  [3, 2, ["more_cpus"]],
])("a VM of %i CPUs on a host of %i warns of %j", (cpus, hostHas, codes) => {
  expect(moreCpus({ name: "web", cpus }, hostHas).map(({ code }) => code)).toEqual(codes);
});

const late = new BangerError("deadline_exceeded", "the guest's agent did not answer", { details: { console: "…" } });
it.each([
  ["a guest that is late", late, 64, "the guest's agent did not answer; vm web has 64 CPUs, and this host 2"],
  ["one that is late with few CPUs", late, 2, "the guest's agent did not answer"],
  ["one that died", new BangerError("guest_died", "it died"), 64, "it died"],
])("%s is told with the CPUs where they may be why", (_, error, cpus, says) => {
  const told = lateBoot(error, { name: "web", cpus }, 2);
  expect(told).toMatchObject({ code: error.code, plain: expect.stringContaining(says) as string });
  expect((told as BangerError).details?.["console"]).toBe(error.details?.["console"]);
});
