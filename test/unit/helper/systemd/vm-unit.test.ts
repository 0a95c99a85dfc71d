import { expect, it } from "vitest";
import { vmUnitProperties } from "../../../../src/helper/systemd/vm-unit.ts";

const unit = {
  description: "VM",
  argv: ["/bin/x", "$HOME", "%n", "-y"],
  stop: ["/bin/y", "$MAINPID"],
  memoryBytes: 2 ** 30,
  tasks: 137,
  devices: ["/dev/net/tun", "/dev/block/253:3"],
  fields: { BANGER_VM_ID: "é" },
};

it.each([
  ["ExecStart", ["a(sasb)", "1", "/bin/x", "4", "/bin/x", "$$HOME", "%n", "-y", "false"]],
  ["ExecStop", ["a(sasb)", "1", "/bin/y", "2", "/bin/y", "$$MAINPID", "false"]],
  ["After", ["as", "1", "banger.slice"]],
  ["DeviceAllow", ["a(ss)", "2", "/dev/net/tun", "rw", "/dev/block/253:3", "rw"]],
  // A field is bytes.
  [
    "LogExtraFields",
    ["aay", "1", "15", ..."BANGER_VM_ID=é".split("").flatMap((of) => [...Buffer.from(of)].map(String))],
  ],
  ["MemoryMax", ["t", "1073741824"]],
  ["TasksMax", ["t", "137"]],
  ["SyslogLevelPrefix", ["b", "false"]],
])("%s is told as busctl takes it", (name, told) => {
  expect(vmUnitProperties(unit).find(([of]) => of === name)).toEqual([name, ...told]);
});

it("one that makes nodes of its devices may do that too", () => {
  const properties = vmUnitProperties({ ...unit, devices: ["/dev/kvm"], makesNodes: true });
  expect(properties.find(([of]) => of === "DeviceAllow")).toEqual(["DeviceAllow", "a(ss)", "1", "/dev/kvm", "rwm"]);
});

it("a VM that opens no device has none", () => {
  const properties = vmUnitProperties({ ...unit, devices: [] });
  expect(properties.find(([of]) => of === "DeviceAllow")).toEqual(["DeviceAllow", "a(ss)", "0"]);
});
