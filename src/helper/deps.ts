import type { Installation } from "../installation/install-file.ts";
import type { Layout } from "../installation/layout.ts";
import type { Logger } from "../telemetry/log.ts";
import type { Spans } from "../telemetry/spans.ts";
import type { Facts } from "./files/facts.ts";
import type { Libc } from "./kernel/libc.ts";
import type { Kvm } from "./kvm/kvm.ts";
import type { Links } from "./netlink/links.ts";
import type { ForeignTables } from "./netlink/nf-foreign.ts";
import type { NfTables } from "./netlink/nf-tables.ts";
import type { Routes } from "./netlink/routes.ts";
import type { Resolved } from "./network/resolved.ts";
import type { HostCommand } from "./process/host-command.ts";

/** What the helper's operations work with. */
export interface HelperDeps {
  readonly installation: Installation;
  readonly layout: Layout;
  readonly facts: Facts;
  readonly command: HostCommand;
  readonly libc: Libc;
  readonly links: Links;
  readonly routes: Routes;
  readonly nft: NfTables;
  readonly foreign: ForeignTables;
  readonly resolved: Resolved;
  readonly kvm: Kvm;
  readonly programs: HostPrograms;
  readonly spans: Spans;
  readonly log: Logger;
}

/** The programs of banger's own that the helper runs, by absolute path. */
export interface HostPrograms {
  readonly consoleLog: string;
  readonly kvmProbe: string;
  readonly vmmCage: string;
}
