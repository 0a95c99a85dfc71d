import { readdirSync, rmSync } from "node:fs";
import type { HelperDeps } from "../deps.ts";
import type { VmFacts } from "../files/facts.ts";
import { recoverVm } from "../files/recover-facts.ts";
import { removeRecord } from "./recorder.ts";
import { removeRunDirectory } from "./run-directory.ts";

/** The names that a VM has in the run directory: its id, and for some of its files one with an ending. */
const ofVm = /^([0-9a-f]{16})(\.(log|metrics|words))?$/;

/** VMs of which nothing is remembered, though files of theirs lie in the run directory, or systemd knows a unit. What has another name is nobody's. */
export function remainsOf({ facts, layout, units }: Pick<HelperDeps, "facts" | "layout" | "units">): string[] {
  const { vmSockets, vmmLogs, vmmRecords, consoleInputs } = layout;
  const names = [vmSockets, vmmLogs, vmmRecords, consoleInputs].flatMap((directory) => readdirSync(directory));
  const ids = names.flatMap((name) => ofVm.exec(name)?.[1] ?? []);
  return [...new Set([...ids, ...units.vms()])].filter((id) => facts.vm(id) === undefined);
}

/** What is remembered of a VM; else what its run directory tells, as long as no other VM has that uid. */
export function factsOrRemains(
  { facts, installation, layout }: Pick<HelperDeps, "facts" | "installation" | "layout">,
  vmId: string,
): VmFacts | undefined {
  const known = facts.vm(vmId);
  if (known !== undefined) return known;
  const recovered = recoverVm(installation, layout, vmId);
  return facts.vms().some(({ uid }) => uid === recovered?.uid) ? undefined : recovered;
}

/** Removes what a VM has in the run directory. */
export async function removeRunFiles(deps: Pick<HelperDeps, "layout" | "libc">, vmId: string): Promise<void> {
  const { layout } = deps;
  await removeRunDirectory(deps, layout.sockets(vmId).directory);
  const files = [layout.vmmLog(vmId), layout.consoleInput(vmId), layout.metrics(vmId), layout.vmmWords(vmId)];
  for (const path of files) rmSync(path, { force: true });
  removeRecord(layout.vmmRecord(vmId));
}
