import { noSandbox, type Sandbox } from "./sandbox.ts";
import { firecrackerDirectory } from "./install-firecracker.ts";

const { FIRECRACKER: program, JAILER: jailer, FIRECRACKER_SECCOMP: filter } = process.env;

/** Why tests that run guests on a real Firecracker are left out here; undefined when they aren't. `make lab` has them where it is told of one. */
export const noFirecracker =
  noSandbox ?? (program === undefined ? "needs FIRECRACKER=<path>, and KVM that runs guests" : undefined);

/** Why tests of a jailed one are left out. */
export const noJailer = jailer === undefined ? "needs JAILER=<path>" : undefined;

/** Puts the Firecracker that the tests were told of where the helper looks for it, with its jailer and its filter. */
export async function installRealFirecracker(sandbox: Sandbox): Promise<void> {
  await sandbox.root("mkdir /mnt/firecracker");
  await putRealFirecracker(sandbox, "/mnt/firecracker");
  await sandbox.root(`mount --bind /mnt/firecracker ${firecrackerDirectory}`);
}

/** Puts it into a directory. */
export async function putRealFirecracker(sandbox: Sandbox, directory: string): Promise<void> {
  const programs = { firecracker: program, jailer, "seccomp.bpf": filter };
  const copies = Object.entries(programs).flatMap(([name, from]) =>
    from === undefined ? [] : [`install -m 755 '${from}' ${directory}/${name}`],
  );
  await sandbox.root(copies.join("\n"));
}
