import type { Installation } from "../installation/install-file.ts";
import type { Layout } from "../installation/layout.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Spans } from "../telemetry/spans.ts";
import type { DeviceMapper } from "./disk/device-mapper.ts";
import type { Facts } from "./files/facts.ts";
import type { Libc } from "./kernel/libc.ts";
import type { Kvm } from "./kvm/kvm.ts";
import type { Links } from "./netlink/links.ts";
import type { ForeignTables } from "./netlink/nf-foreign.ts";
import type { NfTables } from "./netlink/nf-tables.ts";
import type { Routes } from "./netlink/routes.ts";
import type { Resolved } from "./network/resolved.ts";
import type { HostCommand } from "./process/host-command.ts";
import type { ProgramVersions } from "./process/program-versions.ts";
import type { VmUnits } from "./systemd/vm-units.ts";
import type { Launch } from "./vmm/launcher.ts";
import type { TscRate } from "./tsc/tsc-rate.ts";

/** What the helper's operations work with. */
export interface HelperDeps {
  readonly installation: Installation;
  readonly layout: Layout;
  readonly facts: Facts;
  readonly command: HostCommand;
  readonly libc: Libc;
  readonly mapper: DeviceMapper;
  readonly links: Links;
  readonly routes: Routes;
  readonly nft: NfTables;
  readonly foreign: ForeignTables;
  readonly resolved: Resolved;
  readonly kvm: Kvm;
  readonly versions: Pick<ProgramVersions, "of">;
  readonly units: VmUnits;
  /** This is systemd's service, so that VMMs are units of their own. */
  readonly asService: boolean;
  /** How VMMs are started here. */
  readonly launch: Launch;
  readonly tsc: Pick<TscRate, "khz">;
  readonly programs: HostPrograms;
  readonly spans: Spans;
  readonly log: Logger;
}

/** The programs of banger's own that the helper runs, by absolute path. */
export interface HostPrograms {
  readonly consoleLog: string;
  readonly kvmProbe: string;
  readonly takeFiles: string;
  readonly tscRate: string;
  /** What a VM's unit runs when systemd stops it. */
  readonly vmStop: string;
  readonly vmmCage: string;
  readonly vmmJail: string;
  readonly vmmWords: string;
}
