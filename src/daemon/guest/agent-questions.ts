import { randomBytes } from "node:crypto";
import { type AgentFrame, frameType } from "./agent-frame.ts";

/** What an agent is asked with a token that its answer begins with, and how long that may be. */
export interface Question {
  readonly type: number;
  readonly answer: number;
  /** Bytes, the token's 8 among them. */
  readonly least: number;
  readonly most: number;
}

/** The questions that there are. */
export const questions = {
  ping: { type: frameType.ping, answer: frameType.pong, least: 16, most: 16 },
  usage: { type: frameType.usage, answer: frameType.used, least: 24, most: 24 },
  ports: { type: frameType.ports, answer: frameType.listening, least: 9, most: 16_384 },
} as const satisfies Record<string, Question>;

const tokenBytes = 8;

/** A question that is asked. */
export interface Asked {
  readonly token: Buffer;
  /** The answer without its token. */
  readonly answered: Promise<Buffer>;
  /** Nobody waits for it any more. */
  readonly forget: () => void;
}

/** The questions to an agent that wait for their answers. */
export class AgentQuestions {
  readonly #waiting = new Map<string, { question: Question; resolve: (answer: Buffer) => void }>();

  ask(question: Question): Asked {
    const token = randomBytes(tokenBytes);
    const key = keyOf(question.answer, token);
    const { promise: answered, resolve } = Promise.withResolvers<Buffer>();
    this.#waiting.set(key, { question, resolve });
    return { token, answered, forget: () => void this.#waiting.delete(key) };
  }

  /** Takes a frame that answers one; false when none waits for it. */
  take({ type, payload }: AgentFrame): boolean {
    const waiting = this.#waiting.get(keyOf(type, payload.subarray(0, tokenBytes)));
    if (waiting === undefined) return false;
    const { least, most } = waiting.question;
    if (payload.length < least || payload.length > most) return false;
    waiting.resolve(payload.subarray(tokenBytes));
    return true;
  }
}

function keyOf(answer: number, token: Buffer): string {
  return `${answer} ${token.toString("latin1")}`;
}
