import { BangerError } from "../../../rpc/contract/errors.ts";
import type { FirecrackerApi } from "./api-client.ts";

/** Those that send a guest nothing on its vsock once it was let go on (Firecracker's issue 6074, mended after them). */
const deaf = /^1\.16\.[01]$/;

/** Nothing can be made in it. */
const nowhere = "/proc/self/no-such-directory/snapshot";

/**
 * Before a paused guest goes on: has a Firecracker of a broken version tell the guest that its vsock was reset. It waits for the
 * guest to have heard of that, after every pause, but tells it only at the beginning of a snapshot: one is begun, which fails.
 */
export async function mustHearTheGuest(api: FirecrackerApi, version: string, signal: AbortSignal): Promise<void> {
  if (!deaf.test(version)) return;
  const snapshot = { snapshot_type: "Full" as const, snapshot_path: nowhere, mem_file_path: nowhere };
  await api.put("/snapshot/create", snapshot, signal).catch((error: unknown) => {
    if (!(error instanceof BangerError) || error.code !== "command_failed") throw error;
  });
}
