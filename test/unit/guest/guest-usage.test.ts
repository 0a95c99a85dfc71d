import { describe, expect, it } from "vitest";
import { AgentQuestions, questions } from "../../../src/daemon/guest/agent-questions.ts";
import { readPorts } from "../../../src/daemon/guest/guest-ports.ts";
import { readUsage } from "../../../src/daemon/guest/guest-usage.ts";

function usage(total: bigint, available: bigint): Buffer {
  const payload = Buffer.alloc(16);
  payload.writeBigUInt64LE(total);
  payload.writeBigUInt64LE(available, 8);
  return payload;
}

describe("what a guest says of its memory", () => {
  it.each([
    ["what it has", 1024n, 512n, { totalBytes: 1024, availableBytes: 512 }],
    ["nothing", 0n, 0n, undefined],
    ["more that can be had than there is", 1024n, 1025n, undefined],
    ["more than a number holds", 2n ** 53n, 1n, undefined],
    ["as much as there is room to say", 2n ** 64n - 1n, 2n ** 64n - 1n, undefined],
  ])("%s", (_, total, available, expected) => {
    expect(readUsage(usage(total, available))).toEqual(expected);
  });
});

const text = (name: string) => [name.length, ...Buffer.from(name)];
const ssh = [6, 4, 0, 0, 0, 0, 22, 0, ...text("sshd")];
const sshd = { protocol: "tcp", address: "0.0.0.0", port: 22, process: "sshd" };
const six = (last: number) => [...Array.from({ length: 15 }, () => 0), last];

describe("what a guest says of its ports", () => {
  it.each([
    ["nothing", [0], []],
    ["an empty answer", [], []],
    ["one", [0, ...ssh], [sshd]],
    [
      "one of each",
      [0, ...ssh, 17, 16, ...six(1), 53, 0, 0],
      [sshd, { protocol: "udp", address: "::1", port: 53, process: null }],
    ],
    ["one that is cut", [0, ...ssh, ...ssh.slice(0, -1)], [sshd]],
    ["a head that is cut", [0, ...ssh, 6, 16, 0], [sshd]],
    ["a protocol that is none", [0, ...ssh, 7, ...ssh.slice(1), ...ssh], [sshd]],
    ["an address of no family", [0, 6, 5, 0, 0, 0, 0, 0, 22, 0, 0], []],
    ["too long a name", [0, 6, 4, 0, 0, 0, 0, 22, 0, ...text("x".repeat(16))], []],
    [
      "a name that is no text",
      [0, 6, 4, 127, 0, 0, 1, 0xff, 0xff, ...text("\u001b[2Ja\nb")],
      [{ protocol: "tcp", address: "127.0.0.1", port: 65_535, process: "a b" }],
    ],
  ])("%s", (_, bytes, ports) => {
    expect(readPorts(Buffer.from(bytes)).ports).toEqual(ports);
  });

  it("no more than are asked for, and that there are more", () => {
    const many = Buffer.from([1, ...Array.from({ length: 300 }, () => ssh).flat()]);
    expect(readPorts(many)).toMatchObject({ more: true, ports: { length: 256 } });
  });
});

describe("a question to an agent", () => {
  it("is answered by its own token, by a frame of its kind and length, once waited for", async () => {
    const asking = new AgentQuestions();
    const { token, answered, forget } = asking.ask(questions.usage);
    const take = (type: number, payload: Buffer) => asking.take({ session: 1, stream: 0, flags: 0, type, payload });
    const whole = Buffer.concat([token, usage(2n, 1n)]);
    expect(take(questions.usage.answer, Buffer.alloc(24))).toBe(false);
    expect(take(questions.ports.answer, whole)).toBe(false);
    expect(take(questions.usage.answer, whole.subarray(0, 23))).toBe(false);
    expect(take(questions.usage.answer, token.subarray(0, 3))).toBe(false);
    expect(take(questions.usage.answer, whole)).toBe(true);
    expect(readUsage(await answered)).toEqual({ totalBytes: 2, availableBytes: 1 });
    forget();
    expect(take(questions.usage.answer, whole)).toBe(false);
  });
});
