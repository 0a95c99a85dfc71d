import type { SystemStatus } from "../../setup/status/status.ts";
import { printable } from "../../rpc/printable.ts";
import { columns, fields } from "../output/table.ts";

/** An installation's status, for a person. */
export function statusText(status: SystemStatus): string {
  const { version, owner, units, sockets, vmms, troubles, versions } = status;
  const { recorded, on_disk: current } = version;
  const said = fields([
    ["installed", recorded === null ? null : `${recorded}, for ${owner}, ${status.installed_at}`],
    ["begun", current === recorded ? null : current],
    ["at hand", versions.filter((one) => ![recorded, current].includes(one)).join(", ")],
    ["daemon", version.daemon],
    ["helper", version.helper],
    ["sockets", sockets.map(({ path, there }) => (there ? path : `${path} (missing)`)).join(", ")],
    ["VMs", vmms.length === 0 ? "none runs" : vmms.map(({ vm }) => vm).join(", ")],
  ]);
  const states = columns(
    units.map(({ unit, active, enabled, pid }) => [unit, active, enabled, pid === 0 ? "" : `pid ${pid}`]),
  );
  const wrong = troubles
    .map(({ code, message, hint }) => `${code}: ${printable(message)}\n  ${printable(hint)}\n`)
    .join("");
  // Nobody but the owner, and root, is answered by the daemon.
  const unasked = current !== null && version.daemon === null;
  const well = unasked
    ? `all that anybody sees is well; the daemon answers ${owner ?? "its owner"} alone\n`
    : "all is well\n";
  return `${said}${states}${wrong === "" ? well : wrong}`;
}
