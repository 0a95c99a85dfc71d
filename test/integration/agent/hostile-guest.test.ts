import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { describe, expect, it } from "vitest";
import { AgentFrameDecoder, encodeAgentFrame, frameType } from "../../../src/daemon/guest/agent-frame.ts";
import { attach, scriptedGuest } from "../../support/agent.ts";

const quick = { idleMs: 50, busyMs: 20, silentMs: 200 };
const nothing = () => undefined;

/** A guest that attaches properly; `then` gets each later frame. */
function polite(
  then: (socket: Socket, frame: { type: number; stream: number; session: number; payload: Buffer }) => void,
) {
  return scriptedGuest((socket) => {
    const decoder = new AgentFrameDecoder();
    socket.on("data", (bytes: Buffer) => {
      for (const frame of decoder.push(bytes)) {
        const answer = (type: number, payload: Buffer) =>
          socket.write(encodeAgentFrame({ session: frame.session, stream: 0, type, flags: 0, payload }));
        if (frame.type === frameType.attach) {
          answer(frameType.hello, frame.payload);
          answer(frameType.timeline, Buffer.alloc(0));
        } else then(socket, frame);
      }
    });
  });
}

describe("a hostile guest", () => {
  it("that sends noise in place of an answer is given up when it was far more than could lie in between", async () => {
    await using guest = await scriptedGuest((socket) => {
      const send = () => {
        while (socket.writable && socket.write(randomBytes(65_536)));
      };
      socket.on("drain", send);
      send();
    });
    await expect(attach(guest)).rejects.toMatchObject({
      code: "guest_died",
      plain: expect.stringContaining("8 MiB") as string,
    });
  });

  it("that answers another's nonce is not believed", async () => {
    await using guest = await scriptedGuest((socket) => {
      socket.write(
        encodeAgentFrame({ session: 1, stream: 0, type: frameType.hello, flags: 0, payload: Buffer.alloc(18) }),
      );
    });
    await expect(attach(guest, { signal: AbortSignal.timeout(200) })).rejects.toMatchObject({
      name: "TimeoutError",
    });
  });

  it("whose agent is of another version is named as what it is", async () => {
    await using guest = await scriptedGuest((socket) => {
      const decoder = new AgentFrameDecoder();
      socket.on("data", (bytes: Buffer) => {
        for (const { session, payload } of decoder.push(bytes)) {
          const answer = Buffer.concat([payload.subarray(0, 16), Buffer.from([9, 0])]);
          socket.write(encodeAgentFrame({ session, stream: 0, type: frameType.hello, flags: 0, payload: answer }));
        }
      });
    });
    await expect(attach(guest)).rejects.toMatchObject({
      code: "bad_version",
    });
  });

  it("that hangs up while it is attached to is dead", async () => {
    await using guest = await scriptedGuest((socket) => socket.end());
    await expect(attach(guest)).rejects.toMatchObject({ code: "guest_died" });
  });

  it("that sends more output than it may costs only its own command", async () => {
    await using guest = await polite((socket, { type, stream, session }) => {
      if (type !== frameType.credit) return;
      const flood = encodeAgentFrame({
        session,
        stream,
        type: frameType.stdout,
        flags: 0,
        payload: Buffer.alloc(16_384),
      });
      for (let n = 0; n < 100; n++) socket.write(flood);
    });
    const agent = await attach(guest);
    // A reader that takes nothing: all that comes must wait in memory.
    const running = agent.exec({
      argv: ["x"],
      onStdout: () => new Promise(() => undefined),
      onStderr: () => undefined,
    });
    await expect(running).rejects.toMatchObject({
      code: "guest_died",
      message: expect.stringMatching(/more than it may/) as string,
    });
    agent.close();
  });

  it("that says something about streams that don't exist is ignored, and its text is made harmless", async () => {
    await using guest = await polite((socket, { type, stream, session }) => {
      if (type !== frameType.exec) return;
      for (const [at, kind] of [
        [99, frameType.stdout],
        [99, frameType.exit],
        [stream, 250],
      ] as const) {
        socket.write(encodeAgentFrame({ session, stream: at, type: kind, flags: 0, payload: Buffer.from("abcdef") }));
      }
      socket.write(
        encodeAgentFrame({
          session: (session ^ 1) >>> 0,
          stream,
          type: frameType.exit,
          flags: 0,
          payload: Buffer.alloc(5),
        }),
      );
      const exit = Buffer.concat([Buffer.from([2, 2, 0, 0, 0]), Buffer.from("\u001b[2Jgone")]);
      socket.write(encodeAgentFrame({ session, stream, type: frameType.exit, flags: 0, payload: exit }));
    });
    const agent = await attach(guest);
    const running = agent.exec({ argv: ["x"], onStdout: () => undefined, onStderr: () => undefined });
    await expect(running).rejects.toThrow(/^the command could not be started: gone$/);
    agent.close();
  });

  it("that dies under a command ends it", async () => {
    await using guest = await polite((socket, { type }) => void (type === frameType.exec && socket.destroy()));
    const agent = await attach(guest);
    const running = agent.exec({ argv: ["x"], onStdout: () => undefined, onStderr: () => undefined });
    await expect(running).rejects.toMatchObject({ code: "guest_died" });
    await expect(agent.clock.anchor(() => 0n)).rejects.toMatchObject({ code: "guest_died" });
  });

  it("that never pongs, nor begins to end, is waited for no longer than it should", async () => {
    await using guest = await polite(() => undefined);
    const agent = await attach(guest, { times: quick });
    await expect(agent.clock.anchor(() => 0n)).rejects.toMatchObject({ code: "deadline_exceeded" });
    expect(await agent.ended).toMatchObject({ why: "silent" });
    const other = await attach(guest, { times: { ...quick, idleMs: 10_000, silentMs: 400 } });
    await expect(other.shutdown("poweroff").then(() => other.ended)).resolves.toMatchObject({ why: "silent" });
  });

  it("that says this and that, and never answers, is silent all the same", async () => {
    let chatter: NodeJS.Timeout | undefined;
    await using guest = await polite((socket, { session }) => {
      chatter ??= setInterval(() => {
        const payload = randomBytes(16);
        socket.write(encodeAgentFrame({ session, stream: 0, type: frameType.pong, flags: 0, payload }));
      }, 20);
    });
    const agent = await attach(guest, { times: quick });
    expect(await agent.ended).toMatchObject({ why: "silent" });
    clearInterval(chatter);
  });

  it("that never says that a command has ended keeps nobody who left", async () => {
    await using guest = await polite((socket, { type, session, payload }) => {
      const pong = Buffer.concat([payload, Buffer.alloc(8)]);
      if (type === frameType.ping) {
        socket.write(encodeAgentFrame({ session, stream: 0, type: frameType.pong, flags: 0, payload: pong }));
      }
    });
    const agent = await attach(guest);
    const abort = new AbortController();
    const running = agent.exec({ argv: ["x"], onStdout: nothing, onStderr: nothing, signal: abort.signal });
    abort.abort(new Error("left"));
    const began = performance.now();
    await expect(running).rejects.toThrow("left");
    // SIGKILL comes 2 s after SIGTERM.
    expect(performance.now() - began).toBeGreaterThan(2_000);
    agent.close();
  }, 15_000);

  it("that takes nothing of what is sent fails the command, not the daemon", async () => {
    await using guest = await polite((socket, { type }) => void (type === frameType.exec && socket.pause()));
    const agent = await attach(guest, { times: { idleMs: 10_000, busyMs: 10_000, silentMs: 500 } });
    async function* endless() {
      for (;;) yield Buffer.alloc(65_536);
    }
    const running = agent.exec({ argv: ["x"], stdin: endless(), onStdout: nothing, onStderr: nothing });
    await expect(running).rejects.toMatchObject({ code: "deadline_exceeded" });
    agent.close();
  });

  it("that sends any type with any payload is heard out, and answered no other than before", async () => {
    await using guest = await polite((socket, { type, session, stream, payload }) => {
      if (type === frameType.ping) {
        const pong = Buffer.concat([payload, Buffer.alloc(8)]);
        socket.write(encodeAgentFrame({ session, stream: 0, type: frameType.pong, flags: 0, payload: pong }));
      }
      if (type !== frameType.exec) return;
      for (let odd = 0; odd < 256; odd++) {
        // What would end the command, or take its credit, comes to another stream.
        const at = odd === frameType.exit || odd === frameType.stdout || odd === frameType.stderr ? stream + 1 : stream;
        for (const length of [0, 1, 3, 4, 5, 8, 16, 17, 300]) {
          socket.write(encodeAgentFrame({ session, stream: at, type: odd, flags: odd, payload: randomBytes(length) }));
        }
      }
      const exit = Buffer.from([0, 5, 0, 0, 0]);
      socket.write(encodeAgentFrame({ session, stream, type: frameType.exit, flags: 0, payload: exit }));
    });
    const agent = await attach(guest);
    const end = await agent.exec({ argv: ["x"], onStdout: nothing, onStderr: nothing });
    expect(end).toEqual({ exitCode: 5, signal: null });
    await agent.clock.anchor(() => 0n);
    agent.close();
  });
});
