// What the store does on a full disk: `node full-disk.ts DIRECTORY`, an empty file system of 24 MiB. Prints what came of each step.
import { closeSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";
import { ContentRecords } from "../../src/daemon/store/content-records.ts";
import { openDatabase } from "../../src/daemon/store/database.ts";
import { TraceStore } from "../../src/daemon/trace/trace-store.ts";
import { VmRecords } from "../../src/daemon/vm/vm-records.ts";
import type { Image } from "../../src/rpc/contract/image.ts";
import type { Kernel } from "../../src/rpc/contract/kernel.ts";
import type { SpanRecord } from "../../src/telemetry/span-record.ts";

const [directory = ""] = process.argv.slice(2);
const path = join(directory, "banger.db");
const said: Record<string, unknown> = {};
const at = "2026-01-01T00:00:00.000Z";
const hex = (digit: string) => digit.repeat(64);
const size = (file: string) => statSync(file, { throwIfNoEntry: false })?.size ?? 0;

async function attempt(name: string, work: () => unknown): Promise<void> {
  try {
    await work();
    said[name] = "ok";
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    said[name] = code ?? message;
  }
}

/** Takes every block that is left. */
function fill(): void {
  const fd = openSync(join(directory, "fill"), "a");
  try {
    for (let block = Buffer.alloc(65_536); ; ) writeSync(fd, block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  } finally {
    closeSync(fd);
  }
}

/** The spans of one operation, of the number and size that a stop has. */
function spansOf(operation: number): SpanRecord[] {
  return Array.from({ length: 40 }, (_, index) => ({
    trace_id: operation.toString(16).padStart(32, "0"),
    span_id: index.toString(16).padStart(16, "0"),
    service: "bangerd",
    name: "step",
    kind: "internal",
    start_ns: String(operation * 1_000_000),
    end_ns: String(operation * 1_000_000 + 1_000),
    status: "ok",
    attributes: { text: "x".repeat(200) },
    links: [],
  }));
}

let store = openDatabase(path);
const images = new ContentRecords<Image>(store, "images");
const vms = new VmRecords(store, () => new Date(at), String);
images.insert({ id: hex("a"), name: "debian", size: 1, source: "test", created_at: at });
images.insert({ id: hex("c"), name: "unused", size: 1, source: "test", created_at: at });
new ContentRecords<Kernel>(store, "kernels").insert({
  id: hex("b"),
  name: "linux",
  release: "6.1",
  size: 1,
  least_memory_mib: null,
  created_at: at,
});
for (let n = 0; n < 10; n++) {
  const [id, address] = [String(n).padStart(16, "0"), `10.0.0.${n + 2}`];
  vms.insert({
    id,
    name: `vm${n}`,
    imageId: hex("a"),
    kernelId: hex("b"),
    vmm: "qemu",
    network: "nat",
    cpus: 1,
    memory_mib: 64,
    disk_mib: 64,
    address,
    mac: id,
  });
}
const complaints: unknown[] = [];
const traces = new TraceStore(store, (error, lost) =>
  complaints.push(error === undefined ? lost : (error as Error).message),
);
await attempt("room at first", () => store.mustHaveRoom());
const walBefore = size(`${path}-wal`);
vms.update("0000000000000000", { state: "stopped", pid: null });
for (const span of spansOf(1)) traces.keep(span);
traces.flush();
said["bytes of one stop and its trace"] = size(`${path}-wal`) - walBefore;
store.close();
store = openDatabase(path);
fill();

// A new connection begins a new log: nothing is left of the old one's blocks.
const full = {
  vms: new VmRecords(store, () => new Date(at), String),
  images: new ContentRecords<Image>(store, "images"),
};
const later = new TraceStore(store, (error, lost) =>
  complaints.push(error === undefined ? lost : (error as Error).message),
);
await attempt("list", () => full.vms.list());
await attempt("stop", () => full.vms.update("0000000000000001", { state: "stopped", pid: null }));
await attempt("transaction", () => store.write(() => full.vms.update("0000000000000002", { state: "stopped" })));
await attempt("delete", () => full.vms.delete("0000000000000003"));
await attempt("image rm", () => full.images.remove("unused"));
fill();
await attempt("room when full", () => store.mustHaveRoom());
// Chatter may take half of the reserve; what comes then waits.
for (let batch = 0; batch < 40; batch++) {
  for (let n = 1; n <= 10; n++) for (const span of spansOf(batch * 10 + n)) later.keep(span);
  later.flush();
}
said["complaints"] = complaints.length;
said["newest while full"] = later.list(1)[0]?.op_id;
said["last while full"] = later.show("last").spans.length;
said["log"] = size(`${path}-wal`);
await attempt("stop after chatter", () => full.vms.update("0000000000000005", { state: "stopped", pid: null }));
await attempt("transaction without an inch", () =>
  store.write(() => {
    for (let n = 0; n < 100_000; n++) {
      store
        .prepare(
          "INSERT INTO operations (trace_id, name, started_ns, ended_ns, status, spans) VALUES (?, ?, 0, 0, 'ok', 0)",
        )
        .run(String(n), "x".repeat(4_000));
    }
  }),
);
await attempt("after a transaction that failed", () => full.vms.delete("0000000000000004"));
said["vms left"] = full.vms.list().length;

rmSync(join(directory, "fill"));
await attempt("room when freed", () => store.mustHaveRoom());
said["reserve"] = size(`${path}.reserve`);
later.flush();
said["newest operation"] = later.list(1)[0]?.op_id;
later.close();
store.close();
process.stdout.write(JSON.stringify(said));
