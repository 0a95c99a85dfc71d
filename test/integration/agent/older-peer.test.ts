import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  AgentFrameDecoder,
  type AgentFrame,
  encodeAgentFrame,
  frameType,
} from "../../../src/daemon/guest/agent-frame.ts";
import { readTimeline } from "../../../src/daemon/guest/timeline.ts";
import { attach, realAgent, scriptedGuest, openGuest } from "../../support/agent.ts";

interface Recorded {
  readonly name: string;
  /** Hexadecimal. */
  readonly bytes: string;
}
const v1 = JSON.parse(readFileSync("test/data/agent-v1.json", "utf8")) as { daemon: Recorded[]; agent: Recorded[] };
const noRoot = process.getuid?.() === 0 ? undefined : "needs root: the recorded command runs as root";

function frameOf({ bytes }: Recorded): AgentFrame {
  const [frame] = new AgentFrameDecoder().push(Buffer.from(bytes, "hex"));
  if (frame === undefined) throw new Error(`not a frame: ${bytes}`);
  return frame;
}

describe("today's agent", () => {
  it.skipIf(noRoot)(`answers the daemon of First light as its own did${noRoot ? ` (${noRoot})` : ""}`, async () => {
    await using guest = await realAgent();
    const stream = await openGuest(guest.path, new AbortController().signal);
    const received: AgentFrame[] = [];
    const decoder = new AgentFrameDecoder();
    // What it says beyond that belongs to no session, which that daemon dropped.
    stream.on("data", (bytes: Buffer) =>
      received.push(...[...decoder.push(bytes)].filter(({ session }) => session !== 0)),
    );
    const answers = { attach: 2, ping: 1, exec: 0, credit: 3, "exec of nobody": 1, shutdown: 1 } as Record<
      string,
      number
    >;
    let expected = 0;
    for (const { name, bytes } of v1.daemon) {
      expected += answers[name] ?? 0;
      stream.write(Buffer.from(bytes, "hex"));
      await expect.poll(() => received.length, { timeout: 10_000 }).toBe(expected);
    }
    stream.destroy();
    const timeless = (frame: AgentFrame) => {
      if (frame.type === frameType.pong) return { ...frame, payload: frame.payload.subarray(0, 8) };
      if (frame.type === frameType.timeline)
        return { ...frame, payload: readTimeline(frame.payload).map(({ name }) => name) };
      return frame;
    };
    const inOrder = (frames: AgentFrame[]) =>
      frames.map(timeless).toSorted((a, b) => a.stream - b.stream || a.type - b.type);
    expect(inOrder(received)).toEqual(inOrder(v1.agent.map(frameOf)));
  });
});

describe("this daemon", () => {
  it("attaches to, and works with, the agent of First light", async () => {
    const heard: number[] = [];
    const [hello, timeline, pong, stdout, stderr, exit, , shuttingDown] = v1.agent.map(frameOf);
    await using guest = await scriptedGuest((socket) => {
      const decoder = new AgentFrameDecoder();
      socket.on("data", (bytes: Buffer) => {
        for (const { type, session, stream, payload } of decoder.push(bytes)) {
          heard.push(type);
          // The recorded frame, as this session's.
          const say = (frame: AgentFrame | undefined, own: Buffer = Buffer.alloc(0)) => {
            if (frame === undefined) throw new Error("a frame was not recorded");
            const rest = frame.payload.subarray(own.length);
            socket.write(encodeAgentFrame({ ...frame, session, stream, payload: Buffer.concat([own, rest]) }));
          };
          if (type === frameType.attach) {
            say(hello, payload.subarray(0, 16));
            say(timeline);
          } else if (type === frameType.ping) say(pong, payload);
          else if (type === frameType.exec) for (const frame of [stdout, stderr, exit]) say(frame);
          else if (type === frameType.shutdown) say(shuttingDown);
        }
      });
    });
    const agent = await attach(guest);
    expect(agent).toMatchObject({ version: 1, timeline: [{ name: "kernel" }, { name: "ready" }] });
    await agent.clock.set(await agent.clock.anchor(() => process.hrtime.bigint()));
    const output: string[] = [];
    const take = (bytes: Uint8Array) => void output.push(Buffer.from(bytes).toString());
    expect(await agent.exec({ argv: ["x"], onStdout: take, onStderr: take })).toEqual({ exitCode: 3, signal: null });
    expect(output).toEqual(["out\n", "err\n"]);
    for (const asked of [agent.usage(), agent.ports()]) {
      await expect(asked).rejects.toMatchObject({
        code: "bad_version",
        plain: expect.stringMatching(/older/) as string,
      });
    }
    await agent.shutdown("poweroff");
    agent.close();
    const known = v1.daemon.map((recorded) => frameOf(recorded).type);
    expect(heard.filter((type) => !known.includes(type))).toEqual([]);
  });
});
