import { randomBytes } from "node:crypto";
import { BangerError } from "../../rpc/contract/errors.ts";
import { type AgentFrame, encodeAgentFrame, frameType, maxFrame } from "./agent-frame.ts";
import type { AgentStream } from "./agent-stream.ts";
import { readTimeline, type Stage } from "./timeline.ts";

/** The version of the protocol that this daemon asks for. An agent answers with the lower of this and its own. */
const protocolVersion = 4;
/** The oldest version that this daemon speaks: First light's. */
const oldestVersion = 1;
const nonceBytes = 16;
/** How often an agent may say that it was started before it answers. */
const maxStarts = 4;

/** What an agent says when it is attached to. */
export interface Hello {
  readonly session: number;
  readonly version: number;
  readonly timeline: readonly Stage[];
}

/** Attaches: completes what a dead daemon may have left half written, then waits for the answer to our own nonce. */
export async function introduce(stream: AgentStream, signal: AbortSignal): Promise<Hello> {
  const nonce = randomBytes(nonceBytes);
  const session = nonce.readUInt32LE(0);
  const answer = Promise.withResolvers<Hello>();
  // Who gave up before it is no longer waiting for it.
  answer.promise.catch(() => undefined);
  let version: number | undefined;
  let starts = 0;
  const attach = () => {
    // Who waits for the answer has a deadline.
    stream.write(attachment(nonce, session)).catch(() => undefined);
  };
  const take = (frame: AgentFrame) => {
    // An agent that was started after we wrote has not seen what the one before it had read.
    if (frame.session === 0 && frame.type === frameType.started && version === undefined && starts++ < maxStarts)
      attach();
    if (frame.session !== session) return;
    if (frame.type === frameType.hello && frame.payload.subarray(0, nonceBytes).equals(nonce)) {
      version = spoken(frame);
      stream.synchronise();
    } else if (version !== undefined && frame.type === frameType.timeline) {
      answer.resolve({ session, version, timeline: readTimeline(frame.payload) });
    }
  };
  stream.onFrame = (frame) => {
    try {
      take(frame);
    } catch (error) {
      answer.reject(error);
    }
  };
  const abort = () => answer.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  void stream.closed.then(() => answer.reject(stream.fault ?? new Error("the stream was closed")));
  try {
    signal.throwIfAborted();
    attach();
    return await answer.promise;
  } finally {
    signal.removeEventListener("abort", abort);
    stream.onFrame = () => undefined;
  }
}

function attachment(nonce: Buffer, session: number): Buffer {
  const version = Buffer.alloc(2);
  version.writeUInt16LE(protocolVersion);
  const payload = Buffer.concat([nonce, version]);
  const frame = encodeAgentFrame({ session, stream: 0, type: frameType.attach, flags: 0, payload });
  return Buffer.concat([Buffer.alloc(maxFrame), frame]);
}

function spoken({ payload }: AgentFrame): number {
  const version = payload.length >= nonceBytes + 2 ? payload.readUInt16LE(nonceBytes) : 0;
  if (version >= oldestVersion && version <= protocolVersion) return version;
  const versions = `the guest's agent speaks version ${version}, this daemon ${oldestVersion} to ${protocolVersion}`;
  throw new BangerError("bad_version", `${versions}; start the VM again`);
}
