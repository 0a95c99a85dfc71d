import { describe, expect, it } from "vitest";
import { enabledUnits, templatesOf, unitFiles } from "../../../src/installation/units.ts";

const installation = {
  id: "0badcafe",
  ownerUid: 1000,
  ownerGid: 1000,
  stateDir: "/var/lib/banger",
  runDir: "/run/banger",
  helperRunDir: "/run/banger-root",
  subnet: "10.77.0.0/24",
  uidFirst: 60_706,
  uidCount: 256,
  resolvers: [],
  zone: "vm",
};
const options = {
  installation,
  config: "/etc/banger/install.toml",
  owner: { name: "mia", home: "/home/mia" },
  root: "/usr/lib/banger/current",
  template: templatesOf("."),
};
const textOf = (name: string, changes: Partial<typeof options> = {}) =>
  unitFiles({ ...options, ...changes }).find(({ path }) => path.endsWith(`/${name}`))?.text ?? "";

describe("the files by which systemd runs banger", () => {
  it("have no placeholder left, and are all that is enabled", () => {
    const files = unitFiles(options);
    for (const { text } of files) expect(text).not.toMatch(/@[A-Z_]+@/);
    for (const unit of enabledUnits) {
      expect(files.find(({ path }) => path === `/etc/systemd/system/${unit}`)?.text).toContain("[Install]");
    }
  });

  it.each([
    ["bangerd.service", "User=mia"],
    ["bangerd.service", "ExecStart=/usr/lib/banger/current/bin/bangerd --config /etc/banger/install.toml"],
    ["bangerd.service", "/var/lib/banger /run/banger -/home/mia/.config/banger -/home/mia/.local/state/banger"],
    ["bangerd.socket", "ListenStream=/run/banger/bangerd.sock"],
    ["bangerd-root.socket", "ListenStream=/run/banger-root/bangerd-root.sock"],
    ["bangerd-root.socket", "SocketUser=mia"],
    ["bangerd-root.service", "ProtectHome=yes"],
    ["bangerd.service", "RequiresMountsFor=/var/lib/banger"],
    ["bangerd-root.service", "RequiresMountsFor=/var/lib/banger"],
    ["banger-build@.service", "RequiresMountsFor=/var/lib/banger"],
    ["banger.conf", "d /run/banger 0700 mia - -"],
  ])("%s says %s", (name, text) => expect(textOf(name)).toContain(text));

  it("let root's process see homes where the state lies in one", () => {
    const inHome = { ...installation, stateDir: "/home/mia/vms" };
    expect(textOf("bangerd-root.service", { installation: inHome })).toContain("ProtectHome=read-only");
  });

  it.each(["/srv/my vms", "/srv/50%", "/srv/$HOME", '/srv/"', "/srv/a;b", "/srv/a:b"])("can't hold %s", (stateDir) => {
    expect(() => unitFiles({ ...options, installation: { ...installation, stateDir } })).toThrow(
      /can't stand in a unit/,
    );
  });
});
