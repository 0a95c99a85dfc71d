import { expect, it } from "vitest";
import { EscapeKey } from "../../../src/cli/escape-key.ts";

async function* typing(...parts: string[]) {
  for (const part of parts) yield Buffer.from(part, "latin1");
}

/** What goes to the guest until the key is pressed, or until `enough` bytes. */
async function passed(key: EscapeKey, enough: number, ...parts: string[]): Promise<string> {
  let text = "";
  const pressed = new Promise<undefined>((resolve) => {
    key.pressed.addEventListener("abort", () => setImmediate(resolve, undefined));
  });
  const keys = key.watch(typing(...parts));
  while (text.length < enough) {
    const next = await Promise.race([keys.next(), pressed]);
    if (next === undefined || next.done === true) break;
    text += Buffer.from(next.value).toString("latin1");
  }
  return text;
}

it.each([
  ["^]", "Ctrl-]", ["ls\r", "\u001drest"], "ls\r", true],
  ["^]", "Ctrl-]", ["ls\r\u001drest"], "ls\r", true],
  ["^]", "Ctrl-]", ["\u001d"], "", true],
  ["^A", "Ctrl-A", ["\u001d\u0001"], "\u001d", true],
  ["^_", "Ctrl-_", ["\u001d\u001f"], "\u001d", true],
  ["none", undefined, ["\u001d\u0001\u001f"], "\u001d\u0001\u001f", false],
])("%s is %s: %j", async (name, shown, parts, expected, leaves) => {
  const key = new EscapeKey(name);
  expect(key.shown).toBe(shown);
  expect(await passed(key, leaves ? Number.POSITIVE_INFINITY : expected.length, ...parts)).toBe(expected);
  expect(key.pressed.aborted).toBe(leaves);
});

it.each(["x", "^", "^x", "ctrl-]", "", "NONE"])("%j is no key, and refused", (name) => {
  expect(() => new EscapeKey(name)).toThrow(/is not \^A to \^Z/);
});

it("is found behind what nobody takes", async () => {
  const key = new EscapeKey("^]");
  const keys = key.watch(typing(...Array.from({ length: 1_000 }, () => "x".repeat(1_000)), "\u001d"));
  const first = await keys.next();
  if (!key.pressed.aborted) await new Promise((resolve) => key.pressed.addEventListener("abort", resolve));
  expect(first.value).toHaveLength(1_000);
});

it("passes on that nothing can be read", async () => {
  // oxlint-disable-next-line require-yield
  async function* broken(): AsyncGenerator<Uint8Array> {
    throw new Error("no terminal any more");
  }
  await expect(new EscapeKey("^]").watch(broken()).next()).rejects.toThrow("no terminal any more");
});
