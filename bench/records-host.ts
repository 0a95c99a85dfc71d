import { spawn } from "node:child_process";
import { cpSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { run } from "./programs.ts";

/** An installation whose helper runs already (scripts/bench), with so many VMs that don't run; each is a copy of one that was made. */
export class RecordsHost {
  readonly #directory: string;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(number: number) {
    this.#directory = `/mnt/tmp/installation${number}`;
    this.#env = { ...process.env, BANGER_CONFIG: `${this.#directory}/install.toml` };
  }

  static async start(number: number, vms: number): Promise<RecordsHost> {
    const host = new RecordsHost(number);
    const first = await host.#startDaemon();
    await host.banger("vm", "create", "--name", "vm0");
    first.kill();
    await new Promise((resolve) => first.once("close", resolve));
    host.#multiply(vms);
    await host.#startDaemon();
    return host;
  }

  banger(...args: readonly string[]): Promise<string> {
    return run("banger", args, this.#env);
  }

  /** Leaves so many directories of VMs that no record has. */
  leave(count: number): void {
    const vms = join(this.#directory, "state/vms");
    const [made = ""] = readdirSync(vms);
    for (let n = 1; n <= count; n++) {
      const left = join(vms, `f${n.toString(16).padStart(15, "0")}`);
      cpSync(join(vms, made), left, { recursive: true });
    }
  }

  /** Removes them without banger. */
  removeLeft(): Promise<string> {
    return run("sh", ["-c", `rm -rf ${this.#directory}/state/vms/f*`]);
  }

  async #startDaemon() {
    const daemon = spawn("bangerd", [], { env: this.#env, stdio: ["ignore", "pipe", "inherit"] });
    await new Promise<void>((resolve, reject) => {
      let said = "";
      daemon.stdout.setEncoding("utf8").on("data", (text: string) => {
        said = (said + text).slice(-100_000);
        if (said.includes("reconcile completed")) resolve();
      });
      daemon.once("close", (code) => reject(new Error(`bangerd ended with ${code}: ${said}`)));
    });
    process.once("exit", () => daemon.kill());
    return daemon;
  }

  #multiply(count: number): void {
    const database = new DatabaseSync(join(this.#directory, "state/banger.db"));
    const { id: made, ...row } = database.prepare("SELECT * FROM vms").get() ?? {};
    const columns = Object.keys(row);
    const insert = database.prepare(
      `INSERT INTO vms (id, ${columns.join(", ")}) VALUES (?, ${columns.map(() => "?").join(", ")})`,
    );
    const vms = join(this.#directory, "state/vms");
    database.exec("BEGIN");
    for (let n = 1; n < count; n++) {
      const id = n.toString(16).padStart(16, "0");
      const own = {
        name: `vm${n}`,
        address: `10.200.${n >> 8}.${n & 255}`,
        mac: `02:00:00:00:${hex(n >> 8)}:${hex(n)}`,
      };
      insert.run(id, ...columns.map((column) => ({ ...row, ...own })[column] ?? null));
      cpSync(join(vms, String(made)), join(vms, id), { recursive: true });
    }
    database.exec("COMMIT");
    database.close();
  }
}

function hex(byte: number): string {
  return (byte & 255).toString(16).padStart(2, "0");
}
