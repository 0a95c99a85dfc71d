import { accessSync, constants, existsSync, statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { HostCommand } from "../process/host-command.ts";

/** What systemd-resolved is to know of a link. */
export interface LinkRouting {
  readonly index: number;
  /** The octets of the name server's address. */
  readonly server: readonly number[];
  readonly port: number;
  /** The zones that it is asked for, and it alone. */
  readonly zones: readonly string[];
}

const busctl = "/usr/bin/busctl";
const bus = "/run/dbus/system_bus_socket";
const state = "/run/systemd/resolve";
const manager = ["org.freedesktop.resolve1", "/org/freedesktop/resolve1", "org.freedesktop.resolve1.Manager"];
/** It hears of a new link by itself, a little later. */
const [untilKnownMs, againMs] = [1_000, 50];

/**
 * systemd-resolved. It is told by systemd's own `busctl`, which is wherever it is: the calls are five, once for each link, and a
 * client of D-Bus of our own would be more of root's code than everything that it is for.
 */
export class Resolved {
  readonly #command: HostCommand;
  /** What it was told last, and when it wrote that down. */
  #told = "";

  constructor(command: HostCommand) {
    this.#command = command;
  }

  /** Whether it runs, as far as files tell. */
  get isThere(): boolean {
    try {
      accessSync(busctl, constants.X_OK);
      return existsSync(bus) && existsSync(`${state}/io.systemd.Resolve`);
    } catch {
      return false;
    }
  }

  /** Has it ask the server for these zones, unless it was told so and has forgotten nothing; in its own words why not. */
  async route(routing: LinkRouting): Promise<string | undefined> {
    const { index, server, port, zones } = routing;
    const mark = () => `${JSON.stringify(routing)} ${writtenAt(index)}`;
    if (this.#told === mark()) return undefined;
    const domains = zones.flatMap((zone) => [zone, "true"]);
    const link = String(index);
    const failed =
      // Before it has a server: it would be asked for everything.
      (await this.#untilKnown(["SetLinkDefaultRoute", "ib", link, "false"])) ??
      (await this.#call(["SetLinkDomains", "ia(sb)", link, String(zones.length), ...domains])) ??
      // A host that wants either of all its servers gets neither from one on itself.
      (await this.#call(["SetLinkDNSSEC", "is", link, "no"])) ??
      (await this.#call(["SetLinkDNSOverTLS", "is", link, "no"])) ??
      (await this.#call(["SetLinkDNSEx", "ia(iayqs)", link, "1", "2", "4", ...server.map(String), String(port), ""]));
    this.#told = failed === undefined ? mark() : "";
    return failed;
  }

  async #untilKnown(call: readonly string[]): Promise<string | undefined> {
    for (const until = performance.now() + untilKnownMs; ; await delay(againMs)) {
      const failed = await this.#call(call);
      if (failed === undefined || !failed.includes("not known") || performance.now() > until) return failed;
    }
  }

  /** It isn't started by this: a host on which it doesn't run has its reasons. */
  async #call([method = "", ...args]: readonly string[]): Promise<string | undefined> {
    const ended = await this.#command("busctl", ["--auto-start=no", "call", "--", ...manager, method, ...args]);
    return ended.code === 0 ? undefined : ended.output.trim();
  }
}

/** When it wrote down what it knows of a link; it does so at each change, and reads it when it starts. */
function writtenAt(index: number): string {
  const file = statSync(`${state}/netif/${index}`, { throwIfNoEntry: false, bigint: true });
  return file === undefined ? "never" : String(file.mtimeNs);
}
