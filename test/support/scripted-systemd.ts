import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { BangerError } from "../../src/rpc/contract/errors.ts";
import type { DaemonLink, SetupDeps } from "../../src/setup/deps.ts";
import { manifestName, type Manifest } from "../../src/setup/package/manifest.ts";
import { placesBelow } from "../../src/setup/host/places.ts";
import { type Ran, type Run, runProgram } from "../../src/setup/host/run-program.ts";
import { Systemd } from "../../src/setup/service/systemd.ts";

/** The owner of a scripted host: who runs the tests, unless that is root. */
export const owner = {
  name: "alice",
  uid: process.getuid?.() === 0 ? 61_000 : (process.getuid?.() ?? 0),
  gid: process.getgid?.() === 0 ? 61_000 : (process.getgid?.() ?? 0),
};

/** What the scripted systemd knows, in a file of the root's, so that it outlives whoever is killed. */
interface State {
  enabled: string[];
  active: string[];
  /** What the daemon runs, and what number it has. */
  daemon: { version: string; pid: number } | undefined;
  helperPid?: number;
  starts: number;
}

/** What goes wrong on a scripted host. */
export interface Faults {
  /** A program and a word among its arguments. */
  readonly program?: readonly [string, string];
  readonly systemd?: string;
  /** The table of rules is there, and nothing removes it. */
  readonly table?: boolean;
  /** What becomes of the root helper where it is started; the daemon says its version all the same. */
  readonly helper?: "never starts" | "isn't started anew";
  /** Other properties than the daemon's unit has, and what it has written into the journal. */
  readonly daemonUnit?: Readonly<Record<string, string>>;
  readonly journal?: string;
}

const ok = (stdout = ""): Ran => ({ code: 0, stdout, stderr: "" });
const failed = (code: number, stderr: string): Ran => ({ code, stdout: "", stderr });

/** A root in which systemd, its programs and both services are scripted: what starts is what `current` leads to, unless it is broken. */
export function scriptedHost(root: string, packageRoot: string, faults: Faults = {}): SetupDeps & { notes: string[] } {
  const places = placesBelow(root);
  const file = join(root, "systemd.json");
  const read = (): State =>
    existsSync(file)
      ? (JSON.parse(readFileSync(file, "utf8")) as State)
      : { enabled: [], active: [], daemon: undefined, starts: 0 };
  const change = (work: (state: State) => void) => {
    const state = read();
    work(state);
    writeFileSync(file, JSON.stringify(state));
  };
  const hasFile = (unit: string) => existsSync(places.at(`/etc/systemd/system/${unit}`));
  /** As systemd does: a socket whose unit is started already isn't made anew, though somebody removed its file. */
  const bind = (unit: string) => {
    const text = readFileSync(places.at(`/etc/systemd/system/${unit}`), "utf8");
    const path = places.at(/^ListenStream=(.+)$/m.exec(text)?.[1] ?? "");
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "");
  };
  const start = (state: State, units: readonly string[]) => {
    for (const unit of units.filter((name) => name.endsWith(".socket") && !state.active.includes(name))) bind(unit);
    state.active = [...new Set([...state.active, ...units])];
    if (units.includes("bangerd-root.service")) {
      if (faults.helper === "never starts")
        state.active = state.active.filter((unit) => unit !== "bangerd-root.service");
      else if (faults.helper !== "isn't started anew") state.helperPid = ++state.starts + 1000;
    }
    if (!units.includes("bangerd.service")) return;
    const manifest = JSON.parse(readFileSync(join(places.current, manifestName), "utf8")) as Manifest;
    const broken = existsSync(join(places.current, "broken"));
    state.daemon = broken ? undefined : { version: manifest.version, pid: ++state.starts + 1000 };
  };
  const systemctl = ([verb = "", ...args]: readonly string[]): Ran => {
    const units = args.filter((word) => !word.startsWith("-"));
    switch (verb) {
      case "--version":
        return ok(faults.systemd ?? "systemd 252 (252.39)\n");
      case "show":
        return ok(
          units
            .map((unit) => {
              const other = unit === "bangerd.service" ? faults.daemonUnit : undefined;
              return shown(read(), unit, { LoadState: hasFile(unit) ? "loaded" : "not-found", ...other });
            })
            .join("\n"),
        );
      case "enable":
        change((state) => (state.enabled = [...new Set([...state.enabled, ...units])].toSorted()));
        return ok();
      case "disable":
        for (const unit of units)
          if (!hasFile(unit)) return failed(1, `Failed to disable unit: Unit file ${unit} does not exist.`);
        change((state) => (state.enabled = state.enabled.filter((unit) => !units.includes(unit))));
        return ok();
      case "start":
      case "restart":
        change((state) => start(state, units));
        return ok();
      case "stop": {
        const unknown = units.find((unit) => !hasFile(unit) && !read().active.includes(unit));
        change((state) => {
          state.active = state.active.filter((unit) => !units.includes(unit));
          if (units.includes("bangerd.service")) state.daemon = undefined;
        });
        return unknown === undefined ? ok() : failed(5, `Failed to stop ${unknown}: Unit ${unknown} not loaded.`);
      }
      default:
        return ok();
    }
  };
  const run: Run = async (program, args) => {
    const [name, word] = faults.program ?? [];
    if (name !== undefined && program.endsWith(name) && args.some((arg) => arg.includes(word ?? "")))
      return failed(1, "it was made to fail");
    switch (program) {
      case "/usr/bin/systemctl":
        return systemctl(args);
      case "/usr/bin/systemd-tmpfiles":
        for (const [, path = "", , user] of tmpfiles(args.at(-1) ?? "")) {
          mkdirSync(places.at(path), { recursive: true, mode: 0o700 });
          if (user === owner.name) chownSync(places.at(path), owner.uid, owner.gid);
        }
        return ok();
      // These are the root's own files.
      case "/usr/bin/rm":
      case "/usr/bin/du":
        return runProgram(program, args);
      case "/usr/bin/setpriv": {
        const [asOwner = "", ...its] = args.slice(args.indexOf("--") + 1);
        return process.getuid?.() === 0 ? runProgram(program, args) : run(asOwner, its);
      }
      case "/usr/bin/journalctl":
        return ok(faults.journal);
      case "/usr/sbin/nft":
        return faults.table === true && args[0] === "list" ? ok() : failed(1, "nft says no");
      case "/usr/bin/getent":
        return people(args[1] ?? "");
      default:
        return ok();
    }
  };
  const notes: string[] = [];
  return {
    places,
    run,
    systemd: new Systemd(run),
    daemonOf: () => scriptedDaemon(read),
    routes: () => "Iface\tDestination\n",
    packageRoot,
    opId: `op-${"1".repeat(32)}`,
    now: () => new Date("2026-03-01T10:00:00Z"),
    readyMs: 300,
    spans: undefined,
    signal: new AbortController().signal,
    tell: () => undefined,
    note: (text) => void notes.push(text),
    notes,
  };
}

function shown({ active, enabled, daemon, helperPid = 0 }: State, unit: string, other = {}): string {
  const pid = unit === "bangerd.service" ? (daemon?.pid ?? 0) : unit === "bangerd-root.service" ? helperPid : 0;
  const state = active.includes(unit) ? "active" : "inactive";
  const file = enabled.includes(unit) ? "enabled" : "disabled";
  const told = {
    Id: unit,
    ActiveState: state,
    UnitFileState: file,
    MainPID: pid,
    InvocationID: pid === 0 ? "" : pid,
    NeedDaemonReload: "no",
    DropInPaths: "",
    ...other,
  };
  return Object.entries(told)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

function tmpfiles(path: string): string[][] {
  const lines = readFileSync(path, "utf8").split("\n");
  return lines
    .filter((line) => line.startsWith("d "))
    .map((line) => {
      const [type = "", at = "", mode = "", user = ""] = line.split(/\s+/);
      return [type, at, mode, user];
    });
}

function people(asked: string): Ran {
  const known = [
    ["root", 0],
    ["daemon", 1],
    ["nobody", 65_534],
    [owner.name, owner.uid],
    ["bob", 1_999],
  ] as const;
  const found = known.find(([name, uid]) => name === asked || String(uid) === asked);
  return found === undefined
    ? failed(2, "")
    : ok(`${found[0]}:x:${found[1]}:${found[1] === owner.uid ? owner.gid : found[1]}::/home/${found[0]}:/bin/sh\n`);
}

function scriptedDaemon(read: () => State): DaemonLink {
  const answer = () => {
    const { daemon } = read();
    if (daemon === undefined) throw new BangerError("daemon_unavailable", "nobody listens");
    return daemon;
  };
  return {
    ping: async () => ({ ...answer(), helperVersion: answer().version }),
    vms: async () => (answer(), []),
    vmsToStop: async () => (answer(), []),
    stopVm: async () => void answer(),
    networkDown: async () => void answer(),
  };
}
