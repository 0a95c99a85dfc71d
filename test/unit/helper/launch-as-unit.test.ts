import { expect, it } from "vitest";
import type { VmUnits } from "../../../src/helper/systemd/vm-units.ts";
import { launchAsUnit } from "../../../src/helper/vmm/launch-as-unit.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";

it("a launch that fails says why, also where its unit stays", async () => {
  const units = {
    name: (vmId: string) => `banger-vm-${vmId}.service`,
    start: () => Promise.reject(new BangerError("host_failed", "systemd has no room for it")),
    remove: () => Promise.reject(new BangerError("command_failed", "the unit did not end")),
  } as unknown as VmUnits;
  const spans = new Spans(startTracer("test", () => undefined));
  const launch = launchAsUnit({
    units,
    spans,
    programs: { takeFiles: "/none/take-files", vmStop: "/none/vm-stop" },
    installation: { ownerUid: 1000, ownerGid: 1000 },
    config: "/none/config",
  });
  const command = { argv: ["/none/qemu"], descriptors: [], record: "/none/record" };
  await expect(
    launch({ vmId: "0123456789abcdef", command, memoryBytes: 1, tasks: 1, devices: [] } as never),
  ).rejects.toMatchObject({
    code: "host_failed",
    plain: "systemd has no room for it; and it could not be undone: the unit did not end",
  });
});
