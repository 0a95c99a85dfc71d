import type { Installation } from "../installation/install-file.ts";
import type { Layout } from "../installation/layout.ts";
import type { Spans } from "../telemetry/spans.ts";
import type { Facts } from "./files/facts.ts";
import type { HostCommand } from "./network/host-command.ts";

/** What the helper's operations work with. */
export interface HelperDeps {
  readonly installation: Installation;
  readonly layout: Layout;
  readonly facts: Facts;
  readonly command: HostCommand;
  readonly spans: Spans;
}
