import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import {
  type AgentFrame,
  AgentFrameDecoder,
  encodeAgentFrame,
  frameType,
} from "../../../src/daemon/guest/agent-frame.ts";
import { AgentLink, type AgentState } from "../../../src/daemon/guest/agent-link.ts";
import { type GuestSocket, realAgent, scriptedGuest, openGuest } from "../../support/agent.ts";

const never = new AbortController().signal;
const quick = { idleMs: 50, busyMs: 20, silentMs: 300 };
const nothing = { onStdout: () => undefined, onStderr: () => undefined };

/** A link to a guest, and the states that it has come to. */
function linked(guest: GuestSocket, times = quick, now = () => process.hrtime.bigint()) {
  const link = new AgentLink({
    openAgent: (signal) => openGuest(guest.path, signal),
    now,
    times,
  });
  const states: AgentState[] = [];
  link.onState((state) => states.push(state));
  link.start();
  return { link, states, [Symbol.dispose]: () => link.close() };
}

/** A guest whose agent does what it should until `serve` says that a frame is none of its business. */
async function guestThat(serve: (socket: Socket, frame: AgentFrame, connection: number) => boolean | void) {
  let connections = 0;
  const guest = await scriptedGuest((socket) => {
    const decoder = new AgentFrameDecoder();
    const connection = ++connections;
    socket.on("data", (bytes: Buffer) => {
      for (const frame of decoder.push(bytes)) if (serve(socket, frame, connection) !== false) obey(socket, frame);
    });
  });
  return { ...guest, connections: () => connections };
}

function say(
  socket: Socket,
  { session, stream }: Pick<AgentFrame, "session" | "stream">,
  type: number,
  payload: Buffer,
): void {
  socket.write(encodeAgentFrame({ session, stream, type, flags: 0, payload }));
}

function obey(socket: Socket, frame: AgentFrame): void {
  switch (frame.type) {
    case frameType.attach:
      say(socket, frame, frameType.hello, frame.payload);
      return say(socket, frame, frameType.timeline, Buffer.alloc(0));
    case frameType.ping:
      return say(socket, frame, frameType.pong, Buffer.concat([frame.payload, Buffer.alloc(8)]));
    case frameType.time:
      return say(socket, frame, frameType.timeSet, Buffer.alloc(9));
    case frameType.exec:
      return say(socket, frame, frameType.exit, Buffer.from([0, 7, 0, 0, 0]));
    case frameType.shutdown:
      return say(socket, frame, frameType.shuttingDown, Buffer.alloc(0));
  }
}

const started = (socket: Socket) => say(socket, { session: 0, stream: 0 }, frameType.started, Buffer.from([2, 0]));

describe("a link to an agent", () => {
  it("outlives the real one, whose commands fail with its end", async () => {
    await using guest = await realAgent();
    using host = linked(guest, { ...quick, silentMs: 5_000 });
    const { link, states } = host;
    const user = String(process.getuid?.());
    expect(await link.ready(never, 10_000)).toMatchObject({
      version: 4,
      timeline: [{ name: "kernel" }, { name: "ready" }],
    });
    const other = link.exec({ argv: ["sleep", "60"], user, ...nothing });
    const failed = expect(other).rejects.toMatchObject({ code: "guest_died" });
    await expect(link.exec({ argv: ["sh", "-c", "kill -9 $PPID; sleep 60"], user, ...nothing })).rejects.toMatchObject({
      code: "guest_died",
    });
    await failed;
    expect(await link.exec({ argv: ["true"], user, ...nothing })).toEqual({ exitCode: 0, signal: null });
    expect(states).toEqual(["answers", "attaching", "answers"]);
  });

  it("attaches anew when the agent says that it was started again", async () => {
    await using guest = await guestThat((socket, { type }, connection) => {
      if (type !== frameType.exec || connection > 1) return true;
      started(socket);
      return false;
    });
    using host = linked(guest);
    const { link, states } = host;
    await expect(link.exec({ argv: ["x"], ...nothing })).rejects.toMatchObject({
      code: "guest_died",
      message: expect.stringContaining("started again") as string,
    });
    expect(await link.exec({ argv: ["x"], ...nothing })).toEqual({ exitCode: 7, signal: null });
    expect(states).toEqual(["answers", "attaching", "answers"]);
    expect(guest.connections()).toBe(2);
  });

  it("sets the guest's clock again when the host's is set, back or forward, and not otherwise", async () => {
    const set: bigint[] = [];
    await using guest = await guestThat((_, { type, payload }) => {
      if (type === frameType.time) set.push(payload.readBigUInt64LE(8));
    });
    const begun = process.hrtime.bigint();
    const year = 31_536_000_000_000_000n;
    let shift = 3n * year;
    using host = linked(guest, quick, () => process.hrtime.bigint() - begun + shift);
    await host.link.ready(never, 5_000);
    const years = () => set.map((ns) => ns / year);
    shift = year;
    await expect.poll(years).toEqual([3n, 1n]);
    shift = 5n * year;
    await expect.poll(years).toEqual([3n, 1n, 5n]);
    expect(host.states).toEqual(["answers"]);
  });

  it("has set the guest's clock when the connection is lost under that, and is attached again", async () => {
    let attached = false;
    await using guest = await guestThat((socket, { type }, connection) => {
      if (type !== frameType.ping || connection > 1 || !attached) return true;
      socket.destroy();
      return false;
    });
    using host = linked(guest);
    await host.link.ready(never, 5_000);
    attached = true;
    await host.link.setClock(never, 5_000);
    expect([host.link.state, guest.connections()]).toEqual(["answers", 2]);
  });

  it("asks again an agent that is started while it is attached to", async () => {
    let attaches = 0;
    await using guest = await guestThat((socket, { type }) => {
      if (type !== frameType.attach || ++attaches > 1) return true;
      started(socket);
      return false;
    });
    using host = linked(guest);
    await host.link.ready(never, 5_000);
    expect([attaches, guest.connections()]).toEqual([2, 1]);
  });

  it("says that an agent is silent, fails what is asked of it at once, and goes on when it answers", async () => {
    let silent = false;
    await using guest = await guestThat(() => !silent);
    using host = linked(guest);
    const { link, states } = host;
    await link.ready(never, 5_000);
    silent = true;
    const running = link.exec({ argv: ["x"], ...nothing });
    await expect(running).rejects.toMatchObject({
      code: "deadline_exceeded",
      message: expect.stringContaining("silent") as string,
    });
    await expect.poll(() => link.state).toBe("silent");
    const before = performance.now();
    await expect(link.exec({ argv: ["x"], ...nothing })).rejects.toMatchObject({ code: "deadline_exceeded" });
    await expect(link.shutdown("poweroff")).rejects.toMatchObject({ code: "deadline_exceeded" });
    expect(performance.now() - before).toBeLessThan(quick.silentMs);
    silent = false;
    await link.ready(never, 5_000);
    expect(await link.exec({ argv: ["x"], ...nothing })).toEqual({ exitCode: 7, signal: null });
    await link.shutdown("poweroff");
    expect(states).toEqual(["answers", "silent", "answers"]);
  });

  it.each([
    ["says nothing", () => false],
    ["says hello and nothing more", (_: Socket, { type }: AgentFrame) => type === frameType.attach],
    ["answers all but the time", (_: Socket, { type }: AgentFrame) => type !== frameType.time],
  ])("waits no longer than it should for one that %s", async (_, serve) => {
    await using guest = await guestThat(serve);
    using host = linked(guest);
    await expect(host.link.ready(never, 200)).rejects.toMatchObject({ code: "deadline_exceeded" });
    await expect.poll(() => host.link.state).toBe("silent");
    expect(host.states).toEqual(["silent"]);
  });

  it("says at once that an agent is of a version that it doesn't speak", async () => {
    await using guest = await guestThat((socket, frame) => {
      if (frame.type !== frameType.attach) return true;
      say(socket, frame, frameType.hello, Buffer.concat([frame.payload.subarray(0, 16), Buffer.from([9, 0])]));
      return false;
    });
    using host = linked(guest);
    await expect(host.link.ready(never, 5_000)).rejects.toMatchObject({ code: "bad_version" });
  });

  it("is not driven around by a guest that answers and leaves, or is started, without end", async () => {
    await using guest = await guestThat((socket, frame) => {
      obey(socket, frame);
      if (frame.type === frameType.time) for (let n = 0; n < 1000; n++) started(socket);
      if (frame.type === frameType.time) socket.end();
      return false;
    });
    using host = linked(guest);
    const began = performance.now();
    await expect.poll(guest.connections, { timeout: 10_000 }).toBeGreaterThanOrEqual(5);
    // 50, 100, 200 and 400 ms.
    expect(performance.now() - began).toBeGreaterThan(600);
    expect(host.link.state).not.toBe("silent");
  });

  it("that is closed while it attaches leaves the agent's only place free", async () => {
    const gone = Promise.withResolvers<void>();
    let link: AgentLink | undefined;
    await using guest = await guestThat((socket, { type }) => {
      socket.once("close", () => gone.resolve());
      // The last that is asked before the link would have its session.
      if (type === frameType.time) link?.close();
    });
    using session = linked(guest);
    link = session.link;
    await gone.promise;
    expect(guest.connections()).toBe(1);
  });

  it("ends what waits when it is closed, or when the caller leaves", async () => {
    await using guest = await guestThat(() => false);
    using host = linked(guest);
    await expect(host.link.ready(AbortSignal.timeout(20), 5_000)).rejects.toMatchObject({ name: "TimeoutError" });
    const waiting = [host.link.ready(never, 5_000), host.link.exec({ argv: ["x"], ...nothing })];
    const ended = Promise.all(waiting.map((wait) => expect(wait).rejects.toMatchObject({ code: "guest_died" })));
    host.link.close();
    await ended;
    await expect(host.link.ready(never, 5_000)).rejects.toMatchObject({ code: "guest_died" });
  });
});
