import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { takeServiceManager } from "../../../src/service/service-manager.ts";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A manager that writes down what arrives, and takes nothing while `full`. */
function manager(env: NodeJS.ProcessEnv) {
  const seen = { arrived: [] as string[], opened: [] as string[], full: false };
  const open = (name: string) => {
    seen.opened.push(name);
    return (text: string) => {
      if (!seen.full) seen.arrived.push(text);
      return !seen.full;
    };
  };
  return { seen, told: takeServiceManager(env, open, 7) };
}

describe("who manages a process", () => {
  it("is told that it serves and that it ends, in a line", () => {
    const { seen, told } = manager({ NOTIFY_SOCKET: "/run/n" });
    told.ready("serves\nMAINPID=1");
    told.stopping("ends");
    expect(seen).toMatchObject({
      opened: ["/run/n"],
      arrived: ["READY=1\nSTATUS=serves MAINPID=1", "STOPPING=1\nSTATUS=ends"],
    });
  });

  it("is told again, in order, what it took not", () => {
    const { seen, told } = manager({ NOTIFY_SOCKET: "/run/n" });
    seen.full = true;
    told.ready("a");
    told.status("b");
    vi.advanceTimersByTime(1_000);
    expect(seen.arrived).toEqual([]);
    seen.full = false;
    vi.advanceTimersByTime(1_000);
    expect(seen.arrived).toEqual(["READY=1\nSTATUS=a", "STATUS=b"]);
  });

  it.each([
    ["twice within its time, once it serves", { WATCHDOG_USEC: "2000000" }, 3],
    ["not where another process is watched", { WATCHDOG_USEC: "2000000", WATCHDOG_PID: "8" }, 0],
    ["not where the time is nonsense", { WATCHDOG_USEC: "0" }, 0],
    ["not where none is asked for", {}, 0],
  ])("its watchdog is told %s", (_, env, beats) => {
    const { seen, told } = manager({ NOTIFY_SOCKET: "/run/n", ...env });
    vi.advanceTimersByTime(3_000);
    expect(seen.arrived).toEqual([]);
    told.ready("");
    vi.advanceTimersByTime(3_500);
    expect(seen.arrived.filter((text) => text === "WATCHDOG=1")).toHaveLength(beats);
  });

  it("is nobody where none is named, and is known to no program that is run", () => {
    const { seen, told } = manager({});
    told.ready("");
    expect(seen.opened).toEqual([]);
    const env = { NOTIFY_SOCKET: "/run/n", WATCHDOG_USEC: "1", WATCHDOG_PID: "7", HOME: "/" };
    manager(env);
    expect(env).toEqual({ HOME: "/" });
  });
});
