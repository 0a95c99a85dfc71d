import { describe, expect, it } from "vitest";
import { parseConfig } from "../../../src/daemon/config/parse-config.ts";
import { wantedVm } from "../../../src/daemon/vm/wanted-vm.ts";

type Params = Parameters<typeof wantedVm>[0];
const wanted = (params: Partial<Params>, file = "", options = {}) =>
  wantedVm(
    { label: [], volume: [], ...params },
    { path: "/c", present: true, ...parseConfig(`[defaults]\n${file}`) },
    options,
  );

describe("a VM that is to be made", () => {
  it("is as it is built in, where nobody says otherwise", () =>
    expect(wanted({})).toMatchObject({
      cpus: 1,
      memory_mib: 512,
      network: "nat",
      labels: {},
      disk_mib: undefined,
      least_disk_mib: 20_480,
      disk_kind: "auto",
      ttl_s: null,
      idle_s: null,
      autostart: false,
      on_reboot: "restart",
      image: undefined,
    }));

  it.each<[string, Partial<Params>, string, object]>([
    ["the file's", {}, 'memory = "1G"\nttl = "2h"', { memory_mib: 1024, ttl_s: 7200 }],
    ["its maker's before the file's", { cpus: 1 }, "cpus = 4", { cpus: 1 }],
    ["for ever, as its maker says", { ttl_s: 0 }, 'ttl = "2h"', { ttl_s: null }],
    ["for ever, as the file says", {}, 'idle = "0"', { idle_s: null }],
    ["not started, as its maker says", { autostart: false }, "autostart = true", { autostart: false }],
    ["of the file's image", {}, 'image = "debian"', { image: "debian" }],
    ["labelled by both", { label: ["a=1"] }, 'labels = { a = "2", b = "3" }', { labels: { a: "1", b: "3" } }],
  ])("is %s", (_, params, file, expected) => expect(wanted(params, file)).toMatchObject(expected));

  it("isn't started with the daemon where it goes with its command; asked for both, that is refused", () => {
    expect(wanted({}, "autostart = true", { removeAtEnd: true })).toMatchObject({ autostart: false });
    expect(() => wanted({ autostart: true }, "", { removeAtEnd: true })).toThrow("autostart: ");
  });
});
