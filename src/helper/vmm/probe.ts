import { existsSync } from "node:fs";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { HelperDeps } from "../deps.ts";
import type { ProgramName } from "../process/program-versions.ts";
import { findFirecracker, type FoundProgram } from "./firecracker-programs.ts";
import { qemuFiles } from "../../installation/qemu-files.ts";

type Probed = ResultOf<typeof helperContract.vmmProbe>["vmms"][number];

/** Says which VMMs are installed here, and whether each can be run, by files and by its word; whether there is KVM is asked apart. */
export async function probeVmms(deps: Pick<HelperDeps, "versions">): Promise<{ vmms: Probed[] }> {
  const { firecracker, jailer, lacksFilter } = findFirecracker();
  const [qemu, found, jail] = await Promise.all([
    existsSync(qemuFiles.program) ? qemuAnswer(deps) : undefined,
    firecracker === undefined ? undefined : answerOf(deps, "Firecracker", firecracker, lacksFilter),
    jailer === undefined ? undefined : answerOf(deps, "Jailer", jailer),
  ]);
  const one = found === undefined ? [] : [{ kind: "firecracker" as const, ...found }];
  return {
    vmms: [
      ...(qemu === undefined ? [] : [qemu]),
      ...one.map((vmm) => (jail === undefined ? vmm : { ...vmm, jailer: jail })),
    ],
  };
}

async function qemuAnswer({ versions }: Pick<HelperDeps, "versions">): Promise<Probed> {
  const path = qemuFiles.program;
  const said = await versions.of(path);
  const missing = existsSync(qemuFiles.firmware) ? undefined : `there is no ${qemuFiles.firmware}`;
  const why = missing ?? ("why" in said ? said.why : undefined);
  const version = "version" in said ? { version: said.version } : {};
  return { kind: "qemu", path, ...version, usable: why === undefined, why: why ?? "it runs" };
}

/** A program that may not be run isn't asked either; what it lacks is told of one that is what it should be. */
async function answerOf(
  { versions }: Pick<HelperDeps, "versions">,
  name: ProgramName,
  { path, file, why }: FoundProgram,
  lacks?: string,
) {
  if (why !== undefined) return { path, usable: false, why };
  const said = await versions.of(file, name);
  if ("why" in said) return { path, usable: false, why: said.why };
  return { path, ...said, usable: lacks === undefined, why: lacks ?? "it runs" };
}
