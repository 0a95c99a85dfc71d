import { helperContract } from "../../src/rpc/contract/helper.ts";

/** Numbers from a seed, always the same (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const hex = (length: number, digit: string) => digit.repeat(length);
const hostile = [
  "",
  "/",
  "..",
  "../../etc/passwd",
  "/etc/passwd",
  "\0",
  "a\nb",
  "$(reboot)",
  "; reboot",
  "-rf",
  "%s%n",
  "\u{1f480}",
  "lo",
  "eth0",
  "x".repeat(5_000),
  null,
  true,
  [],
  {},
  { toString: 1 },
  -1,
  0,
  1.5,
  1e308,
  2 ** 31,
  2 ** 53,
  -0,
  ["0011223344556677"],
  "__proto__",
] as const;

/** The values that a field of this name has in requests that are valid. */
const valid: Readonly<Record<string, readonly unknown[]>> = {
  vm_id: ["00112233445566f0", "00112233445566f1", "00112233445566f2", hex(16, "f")],
  generation: [1, 2, 3, 2 ** 31],
  kernel_id: [hex(64, "a"), hex(64, "b")],
  image_id: [hex(64, "a"), hex(64, "b")],
  cpus: [1, 64],
  memory_mib: [64, 1_048_576],
  accel: ["tcg", "kvm"],
  vmm: [undefined, "qemu", "firecracker"],
  isolated: [true, false],
  taps: [undefined, true, false],
  disk_mib: [64, 16_777_216],
  disk_kind: [undefined, "reflink", "qcow2", "dm-snapshot", "copy"],
  network: [undefined, true, false],
  volumes: [undefined, [], ["00112233445566aa"], ["00112233445566aa", "00112233445566bb"]],
  mac: ["02:00:00:00:00:10", "02:00:00:00:00:11", "02:00:00:00:00:12"],
  dns_port: [10_053, 1024, 65_535, undefined],
  address: ["10.77.0.2", "10.77.0.3", "10.77.0.4", "10.77.0.1", "10.77.0.255", "192.0.2.1"],
};

const methods = Object.values(helperContract);

/** A request over the helper's whole table: valid, nearly so, or hostile, as a line of JSON or of something like it. */
export function randomRequest(random: () => number, id: number): string {
  const one = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
  const method = one(methods);
  const params: Record<string, unknown> = {};
  for (const field of Object.keys(method.params.shape)) params[field] = one(valid[field] ?? hostile);
  const roll = random();
  // A third are as they should be; of the rest each has one thing wrong, or several.
  if (roll > 0.35) {
    for (let faults = roll > 0.8 ? 3 : 1; faults > 0; faults--) {
      const field = one([...Object.keys(params), "extra", "uid", "path", "__proto__"]);
      if (random() < 0.2) delete params[field];
      else params[field] = mutated(one([...hostile, params[field]]), random);
    }
  }
  const frame: Record<string, unknown> = { v: 1, id: String(id), method: method.name, params };
  if (random() < 0.04) frame[one(["v", "method", "params", "op_id", "traceparent", "extra"])] = one(hostile);
  const line = JSON.stringify(frame);
  return random() < 0.01 ? spoilt(line, random) : line;
}

/** A text with a character exchanged, taken out or doubled. */
function mutated(value: unknown, random: () => number): unknown {
  if (typeof value !== "string" || value === "" || random() < 0.5) return value;
  const at = Math.floor(random() * value.length);
  const other = ["", "/", ".", "\0", "Z", value[at] ?? ""][Math.floor(random() * 6)] ?? "";
  return value.slice(0, at) + other + value.slice(at + (random() < 0.5 ? 1 : 0));
}

/** A line whose frame can't be read; the id is spared, so that the sender needn't wait for an answer. */
function spoilt(line: string, random: () => number): string {
  const at = Math.floor(random() * line.length);
  return line.slice(0, at) + "}" + line.slice(at);
}
