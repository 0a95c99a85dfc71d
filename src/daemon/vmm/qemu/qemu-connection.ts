import type { Duplex } from "node:stream";
import { type ShutdownCause, stuck, type VmmCondition, type VmmConnection } from "../driver.ts";
import { rootDiskUse } from "./block-stats.ts";
import { objectOf } from "./json.ts";
import type { QmpClient, QmpEvent } from "./qmp.ts";

const mib = 1024 * 1024;

/** The reasons that QEMU gives for a shutdown (qapi/run-state.json, ShutdownCause), as far as they are the guest's own. */
const reasons: ReadonlyMap<unknown, ShutdownCause> = new Map([
  ["guest-shutdown", "shutdown"],
  ["guest-reset", "reset"],
  ["guest-panic", "panic"],
]);

/** The events after which a guest runs no more (qapi/run-state.json). */
const endsGuest: ReadonlySet<string> = new Set(["SHUTDOWN", "GUEST_PANICKED"]);

/** An object that QEMU keeps and makes nothing of: it says that its guest was stopped for want of room, as long as it lives. */
const noRoom = "no-room";

/** A connection over QMP to a QEMU that runs, and to its agent, as `openAgent` has it. */
export async function openQemuConnection(
  qmp: QmpClient,
  openAgent: (signal: AbortSignal) => Promise<Duplex>,
  signal: AbortSignal,
): Promise<VmmConnection> {
  const listeners: ((condition: VmmCondition) => void)[] = [];
  let condition: VmmCondition = "running";
  let said: ShutdownCause | undefined;
  let ends = false;
  const closed = Promise.withResolvers<void>();
  const become = (next: VmmCondition) => {
    if (next === condition) return;
    condition = next;
    for (const listener of listeners) listener(next);
  };
  qmp.onEvent((event) => {
    if (event.event === "SHUTDOWN") said = reasons.get(event.data["reason"]);
    if (endsGuest.has(event.event)) ends = true;
    const next = conditionAfter(event, condition, ends);
    if (next !== undefined) become(next);
  });
  // What happened before this connection was made sent its events to nobody.
  condition = await conditionNow(qmp, signal);
  let marked = condition !== "prelaunch" && (await isMarked(qmp, signal));
  if (marked && condition === "paused") condition = "no_space";
  const unmark = async (over: AbortSignal) => {
    if (marked) await qmp.execute("object-del", over, { id: noRoom });
    marked = false;
  };
  return {
    boot: async (over) => {
      await qmp.execute("cont", over);
      await unmark(over);
    },
    pause: async (over) => {
      await unmark(over);
      await qmp.execute("stop", over);
    },
    standStill: async (over) => {
      // A daemon that died at a bad moment left one: then it is there, which is all that is wanted.
      if (!marked)
        await qmp.execute("object-add", over, { "qom-type": "authz-list", id: noRoom }).catch(() => undefined);
      marked = true;
      const before = condition;
      // Before it says that it has stopped, which by itself means that somebody asked.
      become("no_space");
      await qmp.execute("stop", over).catch((error: unknown) => {
        become(before);
        throw error;
      });
    },
    pressPowerButton: async (over) => void (await qmp.execute("system_powerdown", over)),
    resizeDisk: async (sizeMib, over) =>
      void (await qmp.execute("block_resize", over, { "node-name": "root", size: sizeMib * mib })),
    stats: async (over) => ({ disk: rootDiskUse(await qmp.execute("query-blockstats", over)) }),
    guestMemory: () => Promise.resolve(undefined),
    get condition() {
      return condition;
    },
    onCondition: (listener) => void listeners.push(listener),
    openAgent,
    get said() {
      return said;
    },
    lost: qmp.lost.then(() => ({ said })),
    closed: closed.promise,
    close: () => {
      qmp.close();
      closed.resolve();
    },
  };
}

/** What an event changes, if it does (qapi/run-state.json STOP and RESUME, qapi/block-core.json BLOCK_IO_ERROR). */
function conditionAfter({ event, data }: QmpEvent, before: VmmCondition, ends: boolean): VmmCondition | undefined {
  switch (event) {
    case "BLOCK_IO_ERROR":
      if (data["action"] !== "stop") return undefined;
      return data["nospace"] === true ? "no_space" : "disk_failed";
    case "STOP":
      // The error that stopped it was said first. A guest that ends is stopped too, and nobody paused it.
      return stuck.has(before) || ends ? undefined : "paused";
    case "RESUME":
      return "running";
    default:
      return undefined;
  }
}

async function conditionNow(qmp: QmpClient, signal: AbortSignal): Promise<VmmCondition> {
  const status = objectOf(await qmp.execute("query-status", signal))?.["status"];
  if (status === "running" || status === "prelaunch") return status;
  if (status !== "io-error") return "paused";
  const devices: unknown = await qmp.execute("query-block", signal);
  const statuses = Array.isArray(devices) ? devices.map((device) => objectOf(device)?.["io-status"]) : [];
  return statuses.includes("nospace") ? "no_space" : "disk_failed";
}

async function isMarked(qmp: QmpClient, signal: AbortSignal): Promise<boolean> {
  const objects: unknown = await qmp.execute("qom-list", signal, { path: "/objects" });
  return Array.isArray(objects) && objects.some((object) => objectOf(object)?.["name"] === noRoom);
}
