import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { BangerError } from "../../../rpc/contract/errors.ts";
import { within } from "../../guest/within.ts";
import type { VmmCondition, VmmConnection } from "../driver.ts";
import type { Answers } from "./api-answer.ts";
import type { FirecrackerApi } from "./api-client.ts";
import { rootDrive } from "./configure.ts";
import { withLine } from "./disk-counters.ts";
import { MetricsReader } from "./metrics.ts";
import type { Memory } from "./remembered.ts";
import { mustHearTheGuest } from "./resume-quirk.ts";

/** What a connection is made of. */
export interface FirecrackerConnectionDeps {
  readonly api: FirecrackerApi;
  /** What it says of itself. */
  readonly info: Answers["/"];
  /** A connection to its API's socket on which nothing is ever said: it closes when Firecracker ends. */
  readonly watch: Socket;
  /** What it counts; undefined where that can't be read. */
  readonly metrics: Socket | undefined;
  readonly memory: Memory;
  readonly openAgent: (signal: AbortSignal) => Promise<Duplex>;
}

/** A line of metrics is in the FIFO when Firecracker says that it has written it. */
const lineMs = 1_000;

/**
 * A connection to a Firecracker that runs. Nobody but the daemon changes what it does with its guest, and it tells nobody of
 * its own accord, so its condition is what it was when it was connected to, and what came of what was asked since.
 */
export function openFirecrackerConnection(deps: FirecrackerConnectionDeps): VmmConnection {
  const { api, info, watch, metrics, memory, openAgent } = deps;
  let condition = conditionOf(info.state, memory);
  let isSettled = true;
  const listeners: ((condition: VmmCondition) => void)[] = [];
  const become = (next: VmmCondition) => {
    if (next === condition) return;
    condition = next;
    for (const listener of listeners) listener(next);
  };
  /** Halts its guest or lets it go on. What isn't answered may have been done, or on some of its CPUs: the next asks again, whatever the state is. */
  const turn = async (state: "Paused" | "Resumed", over: AbortSignal) => {
    isSettled = false;
    try {
      await api.patch("/vm", { state }, over);
    } catch (error) {
      // The next that asks is told when that is done; one that has ended says nothing.
      const told = await api.get("/", new AbortController().signal).catch(() => undefined);
      if (told !== undefined) become(conditionOf(told.state, memory));
      throw error;
    }
    isSettled = true;
  };
  const counted =
    metrics && new MetricsReader(metrics, (lines) => memory.set({ disk: lines.reduce(withLine, memory.now.disk) }));
  const lost = Promise.withResolvers<{ said: undefined }>();
  const closed = Promise.withResolvers<void>();
  let ours = false;
  watch.on("close", () => {
    if (!ours) lost.resolve({ said: undefined });
    api.close();
    counted?.close();
  });
  return {
    boot: async (over) => {
      if (condition === "running" && isSettled) return;
      if (condition === "prelaunch") await api.put("/actions", { action_type: "InstanceStart" }, over);
      else {
        await mustHearTheGuest(api, info.vmm_version, over);
        await turn("Resumed", over);
      }
      become("running");
    },
    pause: async (over) => {
      if (condition !== "running" && condition !== "prelaunch" && isSettled) return;
      if (memory.now.no_room) memory.set({ no_room: false });
      await turn("Paused", over);
      become("paused");
    },
    standStill: async (over) => {
      // First: of a guest that runs it says nothing, should this daemon end in between.
      memory.set({ no_room: true });
      await turn("Paused", over);
      become("no_space");
    },
    pressPowerButton: (over) => api.put("/actions", { action_type: "SendCtrlAltDel" }, over),
    resizeDisk: async (_, over) => {
      const { drives } = await api.get("/vm/config", over);
      const path = drives.find(({ drive_id: id }) => id === rootDrive)?.path_on_host;
      if (path === null || path === undefined)
        throw new BangerError("command_failed", "Firecracker knows no root disk");
      await api.patch("/drives/{drive_id}", { drive_id: rootDrive, path_on_host: path }, over, rootDrive);
    },
    stats: async (over) => {
      if (counted === undefined || condition === "prelaunch") return { disk: undefined };
      const line = counted.next();
      await api.put("/actions", { action_type: "FlushMetrics" }, over);
      await within(lineMs, "Firecracker wrote no metrics", line);
      const { disk } = memory.now;
      return { disk: disk === null ? undefined : { readBytes: disk.read_bytes, writtenBytes: disk.written_bytes } };
    },
    guestMemory: async (over) => {
      if (condition !== "running") return undefined;
      const { total_memory: totalBytes = 0, available_memory: availableBytes } = await api.get(
        "/balloon/statistics",
        over,
      );
      // A guest without the balloon's driver has told nothing.
      return totalBytes === 0 || availableBytes === undefined ? undefined : { totalBytes, availableBytes };
    },
    get condition() {
      return condition;
    },
    onCondition: (listener) => void listeners.push(listener),
    openAgent,
    // It ends in one way, whatever its guest did: the console tells.
    said: undefined,
    lost: lost.promise,
    closed: closed.promise,
    close: () => {
      ours = true;
      watch.destroy();
      api.close();
      counted?.close();
      closed.resolve();
    },
  };
}

function conditionOf(state: Answers["/"]["state"], { now }: Memory): VmmCondition {
  switch (state) {
    case "Not started":
      return "prelaunch";
    case "Running":
      return "running";
    case "Paused":
      return now.no_room ? "no_space" : "paused";
  }
}
