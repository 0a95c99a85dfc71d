import { BangerError } from "../../rpc/contract/errors.ts";
import { attribute } from "../../telemetry/names.ts";
import type { HostCommand } from "../process/host-command.ts";

/** A property of a unit: its name, its type in D-Bus's terms, its value in busctl's. */
export type UnitProperty = readonly [name: string, type: string, ...value: readonly string[]];

/** The bus on which systemd is asked. */
export const systemBus = "/run/dbus/system_bus_socket";

const service = "org.freedesktop.systemd1";
const manager = [service, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"];

/** systemd, the first process. It is told by its own `busctl`: three kinds of calls are no reason for a D-Bus client in root's process. */
export class SystemdManager {
  readonly #command: HostCommand;

  constructor(command: HostCommand) {
    this.#command = command;
  }

  /** Has it start a unit that is in no file; its process runs soon after. */
  async start(unit: string, properties: readonly UnitProperty[]): Promise<void> {
    const given = [String(properties.length), ...properties.flat()];
    await this.#tell(unit, ["StartTransientUnit", "ssa(sv)a(sa(sv))", unit, "fail", ...given, "0"]);
  }

  /** Kills every process of a unit. */
  async kill(unit: string): Promise<void> {
    await this.#tell(unit, ["KillUnit", "ssi", unit, "all", "9"]);
  }

  /** Has it forget that a unit failed, and with that the unit. */
  async forget(unit: string): Promise<void> {
    await this.#tell(unit, ["ResetFailedUnit", "s", unit]);
  }

  /** Why a service failed, in systemd's words; undefined where it didn't. */
  async failureOf(unit: string): Promise<string | undefined> {
    const object = `${manager[1]}/unit/${escaped(unit)}`;
    const asked = ["get-property", "--", service, object, `${service}.Service`, "Result", "ExecMainStatus"];
    const [, result, status] = /^s "(.*)"\ni (\d+)/.exec(await this.#busctl(unit, asked)) ?? [];
    if (result === undefined || result === "success") return undefined;
    return result === "exit-code" ? `${result} ${status}` : result;
  }

  async #tell(unit: string, [method = "", ...args]: readonly string[]): Promise<void> {
    await this.#busctl(unit, ["call", "--", ...manager, method, ...args]);
  }

  async #busctl(unit: string, args: readonly string[]): Promise<string> {
    const { code, output } = await this.#command("busctl", ["--auto-start=no", ...args], { [attribute.unit]: unit });
    if (code === 0) return output;
    throw new BangerError(
      "command_failed",
      `systemd was asked for ${unit}: ${output.trim() || `busctl exited with ${code}`}`,
      {
        details: { hint: `See \`systemctl status ${unit}\` and \`systemctl status dbus\`.` },
      },
    );
  }
}

/** A unit's name as a part of its object's path: everything but letters and digits as `_` and its hexadecimal number. */
function escaped(unit: string): string {
  return unit.replace(/[^A-Za-z0-9]/g, (character) => `_${character.charCodeAt(0).toString(16).padStart(2, "0")}`);
}
