import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConsoleInput } from "../../../src/daemon/vmm/console-input.ts";

describe("what is typed on a console", () => {
  let directory: string;
  let path: string;
  /** The VMM's descriptor: it reads, and writes too, so that the FIFO never ends. */
  let vmm: number;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "banger-console-"));
    path = join(directory, "console");
    execFileSync("mkfifo", [path]);
    vmm = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  });
  afterEach(() => {
    if (vmm !== -1) closeSync(vmm);
    rmSync(directory, { recursive: true });
  });

  /** What the VMM finds there. */
  const taken = (most = 65_536) => {
    const bytes = Buffer.alloc(most);
    return bytes.subarray(0, readSync(vmm, bytes)).toString();
  };

  it("arrives, whoever types", async () => {
    using one = new ConsoleInput(path);
    using other = new ConsoleInput(path);
    await one.type(Buffer.from("a"));
    await other.type(Buffer.from("b"));
    await one.type(Buffer.from("c"));
    expect(taken()).toBe("abc");
  });

  it("waits for a guest that takes nothing, and goes on when it does", async () => {
    using keyboard = new ConsoleInput(path);
    let over = false;
    const typing = keyboard.type(Buffer.alloc(200_000, "x")).then(() => void (over = true));
    await new Promise(setImmediate);
    expect(over).toBe(false);
    for (let left = 200_000; left > 0; await new Promise(setImmediate)) {
      try {
        left -= taken().length;
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code).toBe("EAGAIN");
      }
    }
    await typing;
  });

  it("is let go of where nobody takes it, and leaves others in peace", async () => {
    {
      using keyboard = new ConsoleInput(path);
      void keyboard.type(Buffer.alloc(1_000_000, "x"));
    }
    using other = new ConsoleInput(path);
    void other.type(Buffer.from("y"));
    expect(taken().length).toBeGreaterThan(0);
  });

  it("goes nowhere once the VMM has ended, and fails nobody", async () => {
    using keyboard = new ConsoleInput(path);
    closeSync(vmm);
    vmm = -1;
    await keyboard.type(Buffer.alloc(1_000_000, "x"));
    await keyboard.type(Buffer.from("more"));
  });

  it.each<[string, () => void, object]>([
    ["no VMM that reads it", () => closeSync(vmm), { code: "wrong_state", message: /its VMM doesn't run/ }],
    ["no FIFO", () => rmSync(path), { code: "wrong_state", message: /an older banger started its VMM/ }],
    ["a file in its place", () => (rmSync(path), writeFileSync(path, "")), { code: "host_failed", message: /no FIFO/ }],
    ["a link in its place", () => (rmSync(path), symlinkSync("/dev/null", path)), { code: "ELOOP" }],
  ])("is refused where there is %s", (what, make, expected) => {
    make();
    if (what === "no VMM that reads it") vmm = -1;
    const { message = /./, ...rest } = expected as { message?: RegExp };
    try {
      new ConsoleInput(path);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject(rest);
      expect((error as Error).message).toMatch(message);
    }
  });
});
