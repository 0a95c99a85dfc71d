import { templatesOf, unitFiles, type UnitFile } from "../../src/installation/units.ts";
import type { Installation } from "./installation.ts";

/** Daemon and helper as the services that systemd runs in a test's container. */
export class Services {
  readonly #host: Installation;

  private constructor(host: Installation) {
    this.#host = host;
  }

  /** Puts the units of this checkout in place, and has systemd listen. */
  static async install(host: Installation): Promise<Services> {
    const files = unitFiles({
      installation: host.file,
      config: host.config,
      owner: { name: "owner", home: "/mnt/tmp" },
      root: "/mnt/banger",
      template: templatesOf("."),
    });
    await host.sandbox.root(`${files.map(writing).join("\n")}
      systemd-tmpfiles --create banger.conf
      systemctl daemon-reload
      systemctl start bangerd-root.socket banger-build.socket bangerd.socket`);
    return new Services(host);
  }

  /** Adds lines to a unit, as `systemctl edit` does. */
  async edit(unit: string, text: string): Promise<void> {
    await this.#host.sandbox.root(`mkdir -p /etc/systemd/system/${unit}.d
      cat > /etc/systemd/system/${unit}.d/test.conf <<'UNIT'
${text}
UNIT
      systemctl daemon-reload`);
  }

  /** Runs `systemctl` as root. */
  systemctl(...args: readonly string[]): Promise<string> {
    return this.#host.sandbox.root(`systemctl ${args.join(" ")}`);
  }

  /** A property of a unit, as `systemctl show` has it. */
  async property(unit: string, name: string): Promise<string> {
    return (await this.systemctl("show", "--value", `--property=${name}`, unit)).trim();
  }

  /** Sends a signal to the main processes of units. */
  async signal(signal: "KILL" | "STOP", ...units: readonly string[]): Promise<void> {
    await this.systemctl("kill", "--kill-whom=main", `--signal=${signal}`, ...units);
  }

  /** What `systemd-analyze security` makes of a unit: 0 would be perfect, 10 is nothing at all. */
  async exposure(unit: string): Promise<number> {
    const text = await this.#host.sandbox.root(`systemd-analyze security --no-pager ${unit}`);
    return Number(/Overall exposure level for \S+: ([\d.]+)/.exec(text)?.[1]);
  }
}

function writing({ path, mode, text }: UnitFile): string {
  return `install -D -m ${mode.toString(8)} /dev/stdin ${path} <<'UNIT'\n${text}UNIT`;
}
