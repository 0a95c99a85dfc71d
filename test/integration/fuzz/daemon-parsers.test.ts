import { randomInt } from "node:crypto";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Duplex } from "node:stream";
import { isIP, type Socket } from "node:net";
import dnsPacket from "dns-packet";
import { afterAll, beforeAll, expect, it } from "vitest";
import { AgentClient } from "../../../src/daemon/guest/agent-client.ts";
import { AgentFrameDecoder, encodeAgentFrame, frameType, maxFrame } from "../../../src/daemon/guest/agent-frame.ts";
import { bootSpans } from "../../../src/daemon/guest/boot-spans.ts";
import { readPorts } from "../../../src/daemon/guest/guest-ports.ts";
import { readUsage } from "../../../src/daemon/guest/guest-usage.ts";
import { readTimeline } from "../../../src/daemon/guest/timeline.ts";
import { Authority } from "../../../src/daemon/network/names/authority.ts";
import { isQuestion } from "../../../src/daemon/network/names/message.ts";
import { Zone } from "../../../src/daemon/network/names/zone.ts";
import { ConsoleLog } from "../../../src/daemon/vmm/console-log.ts";
import { openQemuConnection } from "../../../src/daemon/vmm/qemu/qemu-connection.ts";
import { QmpClient } from "../../../src/daemon/vmm/qemu/qmp.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { printable } from "../../../src/rpc/printable.ts";
import { Mutator } from "../../support/mutator.ts";

/** How long each parser is tried, and from where: what a run says it began with finds the same again. */
const seconds = Number(process.env["BANGER_FUZZ_SECONDS"] ?? 0.5);
const given = process.env["BANGER_FUZZ_SEED"];
const forEver = new AbortController().signal;
const nothing = () => undefined;
const u64 = (mutator: Mutator) => (BigInt(mutator.number()) << 32n) | BigInt(mutator.number());

/** Tries `round` for its time; what it throws is told with the seed that throws it again. */
function fuzz(what: string, round: (mutator: Mutator) => void | Promise<void>): void {
  it(`${what} survives what is odd`, { timeout: seconds * 1_000 + 20_000 }, async () => {
    let seed = given === undefined ? randomInt(2 ** 31) : Number(given);
    let rounds = 0;
    for (const until = performance.now() + seconds * 1_000; performance.now() < until; rounds++) {
      try {
        await round(new Mutator(seed));
      } catch (error) {
        throw new Error(`BANGER_FUZZ_SEED=${seed}: ${String(error)}`, { cause: error });
      }
      seed++;
      // Timers and sockets have their turn.
      if (rounds % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    if (seconds > 1) process.stderr.write(`${what}: ${rounds} rounds, the last of seed ${seed - 1}\n`);
    expect(rounds).toBeGreaterThan(0);
  });
}

/** A stream of which the other side is the test; what is written to it is given to `onWritten`. */
function stream(onWritten: (bytes: Buffer) => void): Duplex {
  return new Duplex({
    read: nothing,
    write: (bytes: Buffer, _, done) => {
      onWritten(bytes);
      done();
    },
  });
}

function timeline(mutator: Mutator): Buffer {
  const stages = Array.from({ length: mutator.below(36) }, () => {
    const name = Buffer.from(mutator.pick(["kernel", "init", "ready", "x", "root_mount", "a".repeat(40), "\u001b"]));
    const times = Buffer.alloc(16);
    times.writeBigUInt64LE(u64(mutator));
    times.writeBigUInt64LE(u64(mutator), 8);
    return Buffer.concat([Buffer.from([name.length]), name, times]);
  });
  return mutator.mutate(Buffer.concat(stages));
}

function payload(mutator: Mutator, type: number): Buffer {
  if (type === frameType.timeline) return timeline(mutator);
  const lengths: Record<number, number> = { [frameType.pong]: 16, [frameType.timeSet]: 9, [frameType.stdinCredit]: 4 };
  if (type === frameType.exit) {
    const end = Buffer.concat([Buffer.from([mutator.below(5), 0, 0, 0, 0]), mutator.bytes(300)]);
    end.writeInt32LE(mutator.number() | 0, 1);
    return mutator.mutate(end);
  }
  const length = lengths[type];
  return length === undefined || mutator.below(8) === 0 ? mutator.bytes(100) : Buffer.alloc(length, mutator.below(256));
}

fuzz("the decoder of frames", (mutator) => {
  const decoder = new AgentFrameDecoder(mutator.pick([64, undefined]));
  if (mutator.below(2) === 0) decoder.synchronise();
  const good = Array.from({ length: 1 + mutator.below(6) }, () =>
    encodeAgentFrame({
      session: mutator.number(),
      stream: mutator.number(),
      type: mutator.below(256),
      flags: mutator.below(256),
      payload: mutator.bytes(200),
    }),
  );
  const broken = mutator.below(2) === 0;
  const bytes = broken ? mutator.mutate(Buffer.concat(good)) : Buffer.concat(good);
  let frames = 0;
  try {
    for (const chunk of mutator.cut(bytes))
      for (const frame of decoder.push(chunk)) frames += frame.payload.length < maxFrame ? 1 : 0;
  } catch (error) {
    if (broken && error instanceof BangerError && error.code === "guest_died") return;
    throw error;
  }
  if (!broken && frames < good.filter((frame) => frame.length <= 24 + 64).length)
    throw new Error("a good frame is lost");
});

fuzz("the timeline of a boot", (mutator) => {
  const stages = readTimeline(timeline(mutator));
  const anchor = { hostNs: u64(mutator), guestNs: u64(mutator), uncertaintyNs: BigInt(mutator.number()) };
  const [from, to] = [1_000n, 2_000n];
  for (const { name, startNs, endNs } of bootSpans(stages, anchor, { from, to })) {
    if (!/^boot\.[a-z_]+$/.test(name) || startNs < from || endNs > to || startNs > endNs)
      throw new Error(`boot span ${name}`);
  }
});

fuzz("what a guest uses, and what listens in it", (mutator) => {
  const { totalBytes = 1, availableBytes = 0 } =
    readUsage(Buffer.concat([mutator.bytes(16), Buffer.alloc(16)]).subarray(0, 16)) ?? {};
  if (availableBytes > totalBytes || !Number.isSafeInteger(totalBytes)) throw new Error("a memory that can't be");
  const ports = Array.from({ length: mutator.below(300) }, () => {
    const address = Buffer.alloc(mutator.pick([4, 16]), mutator.below(256));
    const name = mutator.bytes(15);
    const head = [mutator.pick([6, 17]), address.length, ...address, mutator.below(256), mutator.below(256)];
    return Buffer.from([...head, name.length, ...name]);
  });
  const good = Buffer.concat([Buffer.from([mutator.below(2)]), ...ports]);
  const intact = mutator.below(2) === 0;
  const read = readPorts(intact ? good : mutator.mutate(good)).ports;
  if (read.length > 256 || (intact && read.length !== Math.min(256, ports.length)))
    throw new Error("a port too many, or lost");
  for (const { address, process } of read) {
    if (isIP(address) === 0 || (process !== null && process !== printable(process)))
      throw new Error(`${address} ${process}`);
  }
});

fuzz("a session with an agent", async (mutator) => {
  const good = mutator.below(4) !== 0;
  let session = 0;
  const host = new AgentFrameDecoder();
  let writing: Duplex | undefined;
  const say = (type: number, bytes: Buffer, at = 0) =>
    encodeAgentFrame({
      session: mutator.below(20) === 0 ? mutator.number() : session,
      stream: at,
      type,
      flags: mutator.below(2),
      payload: bytes,
    });
  const send = (bytes: Buffer) => {
    for (const chunk of mutator.cut(bytes)) if (writing?.destroyed === false) writing.push(chunk);
  };
  const odd = () => {
    const type = mutator.pick([...Object.values(frameType), mutator.below(256)]);
    const frame = say(type, payload(mutator, type), mutator.pick([0, 1, 1, 1, 2, mutator.number()]));
    return mutator.below(8) === 0 ? mutator.mutate(frame) : frame;
  };
  const agent = stream((bytes) => {
    for (const { session: now, type, payload: asked } of host.push(bytes)) {
      session = now;
      if (type === frameType.attach) {
        const hello = Buffer.concat([
          say(frameType.hello, good ? asked : mutator.mutate(asked)),
          say(frameType.timeline, timeline(mutator)),
        ]);
        setImmediate(() => send(good ? hello : mutator.mutate(hello)));
      } else if (type === frameType.exec || type === frameType.credit || mutator.below(4) === 0) {
        setImmediate(() => send(Buffer.concat(Array.from({ length: mutator.below(6) }, odd))));
      } else if (mutator.below(3) === 0) setImmediate(() => agent.destroy());
    }
  });
  writing = agent;
  const times = { idleMs: 1_000, busyMs: 1_000, silentMs: 20 };
  try {
    const client = await AgentClient.attach({ stream: agent, signal: forEver, deadlineMs: 20, times });
    const running = [
      client.exec({ argv: ["x"], onStdout: nothing, onStderr: nothing, signal: AbortSignal.timeout(10) }),
      client.clock.anchor(() => 1n).then((anchor) => client.clock.set(anchor)),
    ];
    setTimeout(() => client.close(), 5);
    for (const outcome of await Promise.allSettled(running)) {
      if (
        outcome.status === "rejected" &&
        !(outcome.reason instanceof BangerError) &&
        (outcome.reason as Error).name !== "TimeoutError"
      ) {
        throw outcome.reason;
      }
    }
  } catch (error) {
    if (!(error instanceof BangerError)) throw error;
  } finally {
    agent.destroy();
  }
});

fuzz("QMP", async (mutator) => {
  const messages: unknown[] = [
    { event: "SHUTDOWN", data: { guest: true, reason: "guest-shutdown" }, timestamp: { seconds: 1, microseconds: 2 } },
    { event: "BLOCK_IO_ERROR", data: { device: "", action: "stop", nospace: true } },
    { event: "STOP" },
    { event: "RESUME" },
    { id: "1", return: {} },
    { id: "2", return: { status: "io-error", running: false } },
    { id: "3", return: [{ device: "", "io-status": "nospace" }] },
    { id: "2", error: { class: "GenericError", desc: "no" } },
    { QMP: { version: {}, capabilities: [] } },
  ];
  const good = (message: unknown) => `${JSON.stringify(message)}\n`;
  const odd = () => `${mutator.json(mutator.pick(messages))}\n`;
  let asked = 0;
  const vmm = stream(() => {
    const answers = [good(messages[4]), good(messages[5]), good(messages[6])];
    const answer = mutator.below(3) === 0 ? odd() : (answers[asked] ?? odd());
    asked++;
    setImmediate(() => {
      for (const chunk of mutator.cut(Buffer.from(odd() + answer + odd(), "latin1")))
        if (!vmm.destroyed) vmm.push(chunk);
      if (mutator.below(2) === 0 || asked > 3) vmm.destroy();
    });
  });
  vmm.push(mutator.below(8) === 0 ? odd() : good(messages[8]));
  // One that was not greeted by then is not going to be.
  const signal = AbortSignal.timeout(20);
  try {
    const client = await QmpClient.connect({ socket: vmm as unknown as Socket, signal });
    const connection = await openQemuConnection(client, () => Promise.reject(new Error("none")), signal);
    await connection.boot(signal);
    if (!["running", "prelaunch", "no_space", "disk_failed", "paused"].includes(connection.condition))
      throw new Error("condition");
    if (![undefined, "shutdown", "reset"].includes(connection.said)) throw new Error("said");
    connection.close();
  } catch (error) {
    if ((error as Error).name === "TimeoutError") return;
    if (!(error instanceof BangerError) || printable(error.plain) !== error.plain || error.plain.includes("\n"))
      throw error;
  } finally {
    vmm.destroy();
  }
});

const named = { addressOf: () => "10.77.0.2", nameAt: () => "web" };
const authority = new Authority(new Zone({ zone: "vm", subnet: "10.77.0.0/20", vms: named }));

fuzz("the server of VMs' names", (mutator) => {
  const names = ["web.vm", "VM", "a.b.vm", "2.0.77.10.in-addr.arpa", "in-addr.arpa", ".", `${"x".repeat(60)}.vm`];
  const records = Array.from({ length: mutator.below(3) }, () =>
    mutator.pick<object>([
      { name: ".", type: "OPT", udpPayloadSize: 4096, ednsVersion: 0, flags: mutator.below(65_536), options: [] },
      { name: "web.vm", type: "SOA", data: { mname: "a", rname: "b" } },
      { name: "web.vm", type: "NSEC", data: { nextDomain: "a.", rrtypes: ["A", "TXT"] } },
      { name: "vm", type: "TXT", data: mutator.bytes(100) },
    ]),
  );
  const good = dnsPacket.encode({
    type: "query",
    id: mutator.below(65_536),
    questions: [{ name: mutator.pick(names), type: mutator.pick(["A", "PTR", "TXT", "SOA", "AXFR"]) }],
    additionals: records as never,
  });
  const message = mutator.mutate(good);
  if (!isQuestion(message)) return;
  for (const answer of [authority.answer(message, true), authority.refuse(message)]) {
    if (answer === undefined) continue;
    const isAnswer = answer.readUInt16BE(0) === message.readUInt16BE(0) && ((answer[2] ?? 0) & 0x80) !== 0;
    if (!isAnswer || answer.length > 512) throw new Error(`an answer of ${answer.length} bytes`);
    dnsPacket.decode(answer);
  }
});

let directory: string;
beforeAll(() => (directory = mkdtempSync(join(tmpdir(), "banger-fuzz-"))));
afterAll(() => rmSync(directory, { recursive: true }));

fuzz("the reader of a console", async (mutator) => {
  const path = join(directory, "console.log");
  writeFileSync(path, mutator.mutate(mutator.bytes(2_000)));
  if (mutator.below(4) === 0) truncateSync(path, mutator.below(300_000));
  const log = new ConsoleLog(path);
  if (log.tail(50).split("\n").length > 50) throw new Error("more lines than asked for");
  let read = 0;
  for await (const chunk of log.read({ follow: false, signal: forEver })) {
    read += chunk.length;
    // oxlint-disable-next-line no-control-regex
    if (/[\u0000-\u0008\u001b\u0080-\u009f\u202e]/.test(printable(chunk.toString()))) throw new Error("not printable");
  }
  if (read > 300_000) throw new Error("more than there is");
});
