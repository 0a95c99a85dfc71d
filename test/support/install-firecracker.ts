import type { Sandbox } from "./sandbox.ts";

/** What stands in for Firecracker's programs in a sandbox. */
export interface StandIns {
  readonly jailer: boolean;
  /** How the stand-in for Firecracker, or the one for its jailer, is built (`stand-in-*.c`). */
  readonly firecracker?: "NO_FILTER" | "SLOW" | "STOPS";
  readonly jailerThat?: "STOPS";
  /** Linked to the host's libraries. */
  readonly dynamic?: boolean;
  /** With a filter beside it, or a link to one. */
  readonly filter?: boolean | "link";
}

/** Where they are put. */
export const firecrackerDirectory = "/usr/local/bin";

/** Puts stand-ins for Firecracker and its jailer where the helper looks for them; where $JAILER names a real one, that. */
export async function installFirecracker(sandbox: Sandbox, standIns: StandIns): Promise<void> {
  const { jailer, firecracker = "AS_IT_IS", jailerThat = "AS_IT_IS", dynamic = false, filter = false } = standIns;
  const cc = (name: string, define: string, linked: string) =>
    `cc -D_GNU_SOURCE -D${define} -O1 ${linked} -o /mnt/firecracker/${name} /mnt/banger/test/support/stand-in-${name}.c`;
  const real = jailerThat === "AS_IT_IS" ? process.env["JAILER"] : undefined;
  const putJailer = real === undefined ? cc("jailer", jailerThat, "-static") : `cp ${real} /mnt/firecracker/jailer`;
  await sandbox.root(`
    mkdir -p /mnt/firecracker
    ${cc("firecracker", firecracker, dynamic ? "" : "-static")}
    ${jailer ? putJailer : ":"}
    ${filter === false ? ":" : `cd /mnt/firecracker; echo filter >seccomp${filter === "link" ? "-1.bpf; ln -s seccomp-1.bpf seccomp" : ""}.bpf`}
    chmod 755 /mnt/firecracker /mnt/firecracker/*
    mount --bind /mnt/firecracker ${firecrackerDirectory}`);
}
