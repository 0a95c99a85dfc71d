import { expect, it } from "vitest";
import { unfitFinding } from "../../../src/daemon/vmm/vmm-findings.ts";

it.each([
  ["accel", /--accel auto/],
  ["kernel", /--vmm qemu.*`banger kernel import` adds one/],
  ["vmm", /--vmm auto.*`banger vmm ls`/],
] as const)("a VM whose %s doesn't suit is told what to do", (field, hint) => {
  const unfit = { code: "bad_params", field, reason: "it doesn't suit", instead: "" } as const;
  expect(unfitFinding({ name: "web" }, unfit)).toMatchObject({
    code: "vmm_unfit",
    message: `${field}: it doesn't suit`,
    hint: expect.stringMatching(hint) as string,
  });
});
