import type { UnitProperty } from "./manager.ts";

/** What a VMM's unit is made of. */
export interface VmUnit {
  /** What it is, in words that name installation and VM. */
  readonly description: string;
  /** Its first process: the program, and its arguments. */
  readonly argv: readonly string[];
  /** What is run when it is stopped, before its processes are told to end. */
  readonly stop: readonly string[];
  readonly memoryBytes: number;
  readonly tasks: number;
  /** What it may open for reading and writing beside what every unit may (`null`, `urandom` and the like). */
  readonly devices: readonly string[];
  /** It makes nodes of them too. */
  readonly makesNodes?: boolean;
  /** Fields that each of its records in the journal has. */
  readonly fields: Readonly<Record<string, string>>;
}

/** In which all VMMs are, whoever's. */
export const vmSlice = "banger.slice";
/** The guest has less (`vm stop`), then is killed; this is for what hangs. QEMU that is told to end afterwards is gone at once. */
const endsWithinS = 45;

/**
 * A unit's properties. Its mounts, uid, privileges and system calls are no matter of systemd's: the cage and `setpriv` see to them,
 * as they do where there is no systemd.
 */
export function vmUnitProperties({
  description,
  argv,
  stop,
  memoryBytes,
  tasks,
  devices,
  makesNodes = false,
  fields,
}: VmUnit): UnitProperty[] {
  return [
    text("Description", description),
    text("Slice", vmSlice),
    // Being in a slice is no order. What the slice is ordered after outlives its VMs when the host shuts down.
    ["After", "as", "1", vmSlice],
    command("ExecStart", argv),
    command("ExecStop", stop),
    // A unit that failed stays until the helper has asked why.
    text("CollectMode", "inactive"),
    number("TimeoutStopUSec", endsWithinS * 1_000_000),
    number("MemoryMax", memoryBytes),
    number("TasksMax", tasks),
    number("LimitCORE", 0),
    // The recorder has still to write down that its VMM was killed, which takes itself out of this (`vmm-cage`). Its word counts:
    // the unit's own `Result=oom-kill` goes with the unit, and doesn't say which of its processes it was.
    text("OOMPolicy", "continue"),
    ["OOMScoreAdjust", "i", "-1000"],
    text("DevicePolicy", "closed"),
    ["DeviceAllow", "a(ss)", String(devices.length), ...devices.flatMap((path) => [path, makesNodes ? "rwm" : "rw"])],
    ["IgnoreSIGPIPE", "b", "false"],
    text("StandardOutput", "journal"),
    text("StandardError", "journal"),
    text("SyslogIdentifier", "banger-vm"),
    // What a VMM says is no order: `<0>` before it would be an alarm on every terminal.
    ["SyslogLevelPrefix", "b", "false"],
    ["LogExtraFields", "aay", String(Object.keys(fields).length), ...Object.entries(fields).flatMap(field)],
  ];
}

/** As it is: systemd reads `$` as a variable, and `$$` as `$`. The properties that say so by a flag are lost at its next reload (252). */
function command(name: string, argv: readonly string[]): UnitProperty {
  const [program = ""] = argv;
  const words = argv.map((word) => word.replaceAll("$", "$$$$"));
  return [name, "a(sasb)", "1", program, String(argv.length), ...words, "false"];
}

function text(name: string, value: string): UnitProperty {
  return [name, "s", value];
}

function number(name: string, value: number): UnitProperty {
  return [name, "t", String(value)];
}

function field([name, value]: [string, string]): string[] {
  const bytes = [...Buffer.from(`${name}=${value}`)];
  return [String(bytes.length), ...bytes.map(String)];
}
