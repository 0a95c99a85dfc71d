import { expect, it } from "vitest";
import { type OutputName, OutputQueue } from "../../../src/daemon/guest/output-queue.ts";

/** A queue whose taker takes when it is let. */
function queue() {
  const gate = Promise.withResolvers<void>();
  const parts: [OutputName, string][] = [];
  const credit: number[] = [];
  const output = new OutputQueue({
    take: async (name, bytes) => {
      await gate.promise;
      parts.push([name, Buffer.from(bytes).toString()]);
    },
    onTaken: async (bytes) => void credit.push(bytes),
    onFailure: () => undefined,
  });
  return { output, parts, credit, open: gate.resolve };
}

it("joins small parts of one output and keeps the order of both", async () => {
  const { output, parts, credit, open } = queue();
  for (const [name, text] of [
    ["stdout", "a"],
    ["stdout", "b"],
    ["stderr", "c"],
    ["stdout", "d"],
  ] as const)
    output.push(name, Buffer.from(text));
  open();
  await output.drained;
  expect(parts).toEqual([
    ["stdout", "ab"],
    ["stderr", "c"],
    ["stdout", "d"],
  ]);
  expect(credit).toEqual([2, 1, 1]);
});

it("holds few parts, and every byte, of outputs that take turns byte by byte", async () => {
  const { output, parts, open } = queue();
  for (let n = 0; n < 100_000; n++) output.push(n % 2 === 0 ? "stdout" : "stderr", Buffer.from([97 + (n % 26)]));
  open();
  await output.drained;
  expect(parts.length).toBeLessThan(80);
  const of = (name: OutputName) => parts.flatMap(([from, text]) => (from === name ? text : [])).join("");
  expect(of("stdout")).toBe(
    Array.from({ length: 50_000 }, (_, n) => String.fromCharCode(97 + ((2 * n) % 26))).join(""),
  );
  expect(of("stderr").length).toBe(50_000);
});

it("ends with the taker's own error", async () => {
  const failures: unknown[] = [];
  const output = new OutputQueue({
    take: () => Promise.reject(new Error("no room")),
    onTaken: async () => undefined,
    onFailure: (error) => failures.push(error),
  });
  output.push("stdout", Buffer.from("a"));
  await expect(output.drained).rejects.toThrow("no room");
  expect(failures).toHaveLength(1);
});
