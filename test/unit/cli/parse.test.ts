import { describe, expect, it } from "vitest";
import { parseCommandLine } from "../../../src/cli/parse.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";

const words = (line: string) => (line === "" ? [] : line.split(" ").map((word) => (word === "''" ? "" : word)));
const parse = (line: string) => {
  const invocation = parseCommandLine(words(line));
  if (invocation.kind !== "command") throw new Error(`not a command: ${invocation.kind}`);
  const { command, params, rest, flags } = invocation;
  return { command: `${command.noun} ${command.verb}`, params, rest, ...flags };
};

describe("a command line", () => {
  it.each([
    ["vm ls --json", { command: "vm ls", params: {}, json: true }],
    ["vm create --cpus 2 --memory-mib=256", { params: { cpus: 2, memory_mib: 256 } }],
    ["logs last --spans", { command: "logs show", params: { of: "last", spans: true } }],
    [
      "logs -f vm web --since 10m",
      { command: "logs show", params: { of: "vm", vm: "web", follow: true, since_s: 600 } },
    ],
    ["logs op-4bf9", { command: "logs show", params: { of: "op-4bf9" } }],
    ["logs show 4bf9", { command: "logs show", params: { of: "4bf9" } }],
    ["logs -f web", { command: "vm logs", params: { vm: "web", follow: true } }],
    ["vm delete -f web", { params: { vm: "web", force: true } }],
    ["vm exec web -- ls -la", { params: { vm: "web" }, rest: ["ls", "-la"] }],
    ["vm exec web ls --json", { params: { vm: "web" }, rest: ["ls", "--json"], json: false }],
    [
      "vm exec --json -i -e A=b -e C=d web -- sh -c -- x",
      { params: { stdin: true, env: ["A=b", "C=d"], vm: "web" }, rest: ["sh", "-c", "--", "x"], json: true },
    ],
    ["--json vm ls", { command: "vm ls", json: true }],
    ["-q vm --json delete -f web", { command: "vm delete", params: { vm: "web", force: true }, json: true }],
    ["--config other.toml vm exec web -- ls --json", { params: { vm: "web" }, rest: ["ls", "--json"], json: false }],
    ["vm create --cpus -1 --name web", { params: { cpus: -1, name: "web" } }],
    ["vm stats", { params: { vm: [] } }],
    ["stats --no-watch web db web --interval 5s", { params: { vm: ["web", "db"], watch: false, interval_s: 5 } }],
    ["vm ssh web", { params: { vm: "web" }, rest: [] }],
    ["image build debian --packages git --packages curl", { params: { recipe: "debian", packages: ["git", "curl"] } }],
    // Synonyms.
    ["vm rm web", { command: "vm delete", params: { vm: "web" } }],
    ["vm remove web", { command: "vm delete" }],
    ["vm list -q", { command: "vm ls", quiet: true }],
    ["image delete bookworm", { command: "image rm" }],
    ["image list", { command: "image ls" }],
    ["kernel remove linux", { command: "kernel rm" }],
    ["trace list -n 5", { command: "trace ls", params: { limit: 5 } }],
    // `vm` left out.
    ["ls", { command: "vm ls" }],
    ["list --json", { command: "vm ls", json: true }],
    ["start web", { command: "vm start", params: { vm: "web" } }],
    ["--json -q start --overcommit web", { command: "vm start", params: { vm: "web", overcommit: true }, quiet: true }],
    ["exec web -- true", { command: "vm exec", params: { vm: "web" }, rest: ["true"] }],
    ["rm -f web", { command: "vm delete", params: { vm: "web", force: true } }],
    ["start network", { command: "vm start", params: { vm: "network" } }],
    // Sizes and times.
    ["vm create --memory 4G", { params: { memory_mib: 4096 } }],
    ["vm create --memory 512M --disk 20g", { params: { memory_mib: 512, disk_mib: 20_480 } }],
    ["vm create --memory=1.5GiB", { params: { memory_mib: 1536 } }],
    ["vm create --memory 1048576K", { params: { memory_mib: 1024 } }],
    ["vm create --disk 1T", { params: { disk_mib: 1_048_576 } }],
    ["image build debian --size 8G", { params: { size_mib: 8192 } }],
    ["vm stop web --timeout 90s", { params: { timeout_s: 90 } }],
    ["vm stop --timeout=59m1s web", { params: { timeout_s: 3541 } }],
    ["vm stop --timeout 0 web", { params: { timeout_s: 0 } }],
    ["vm stop --timeout-s 5 web", { params: { timeout_s: 5 } }],
    ["vm ssh web --timeout 2m", { params: { timeout_s: 120 } }],
    ["vm set web --ttl 1d --idle 1d2h", { params: { ttl_s: 86_400, idle_s: 93_600 } }],
    // Forms of flags.
    ["vm create --cpus=-1", { params: { cpus: -1 } }],
    ["vm create --name=--web", { params: { name: "--web" } }],
    ["vm exec -e=A web true", { params: { env: ["=A"] } }],
    ["trace ls -n5", { params: { limit: 5 } }],
    ["vm logs -fq web", { params: { follow: true }, quiet: true }],
    ["vm exec -iu nobody web id", { params: { stdin: true, user: "nobody" }, rest: ["id"] }],
    ["vm delete --force --no-force web", { params: { force: false } }],
    ["--no-json vm ls", { json: false }],
    ["--json --json vm ls --json", { json: true }],
    ["vm start -- web", { params: { vm: "web" } }],
    ["vm start -- --web", { params: { vm: "--web" } }],
    ["vm exec -- web ls -l", { params: { vm: "web" }, rest: ["ls", "-l"] }],
    ["vm exec web -- -- x", { rest: ["--", "x"] }],
    ["vm exec web -i -- cat", { params: { vm: "web", stdin: true }, rest: ["cat"] }],
    ["vm exec web -- ''", { rest: [""] }],
    ["vm ls --", { command: "vm ls" }],
    ["vm start web web", { params: { vm: "web" } }],
    ["vm create --cpus 007", { params: { cpus: 7 } }],
  ])("%s", (line, expected) => {
    expect(parse(line)).toMatchObject(expected);
  });

  it.each<readonly [string, RegExp]>([
    ["vms ls", /no command "vms"; did you mean vm\?/],
    ["vm strat web", /no verb "strat"; did you mean start\?/],
    ["strat web", /no command "strat"; did you mean start\?/],
    ["imgae ls", /no command "imgae"; did you mean image\?/],
    ["xy", /^there is no command "xy"$/],
    ["''", /^there is no command ""$/],
    ["vm start", /vm start: vm is missing/],
    ["vm show a b", /"b" is one argument too many/],
    ["vm create --cpu 2", /no flag --cpu; did you mean --cpus\?/],
    ["vm create --mem 1G", /no flag --mem; did you mean --memory\?/],
    ["vm create --memroy 1G", /no flag --memroy; did you mean --memory\?/],
    ["vm create --\u001b[31m", /there is no flag "--\\u001b\[31m"$/],
    ["vm create -x", /vm create: there is no flag -x$/],
    ["vm delete -fx web", /there is no flag -x$/],
    ["vm create --cpus -x", /--cpus needs a value; one that begins with - is given as --cpus=VALUE/],
    ["vm create --name --cpus 2", /--name needs a value/],
    ["vm create --name", /--name needs a value/],
    ["vm create --name=", /--name: is empty/],
    ["vm create --cpus ''", /--cpus: is empty/],
    ["vm ls --config=", /--config: is empty/],
    ["--config", /--config needs a value/],
    ["vm create --name a --name b", /--name is given twice; the second time with "b"/],
    ["vm create --memory 1G --memory-mib 512", /--memory-mib is given twice/],
    ["vm delete --force=yes web", /--force takes no value/],
    ["vm ls --json=1", /--json takes no value/],
    ["vm create --no-name", /no flag --no-name/],
    ["image build gentoo", /recipe: "gentoo" is not one of debian/],
    ["image import", /image import: source is missing/],
    ["logs --since 8m", /^logs show: of is missing/],
    [
      "vm exec web",
      /vm exec: the command is missing: what to run in the guest, as in `banger vm exec web -- uname -a`$/,
    ],
    ["vm exec web --", /the command is missing/],
    ["vm exec -- web", /the command is missing/],
    ["vm create web", /"web" is one argument too many; did you mean --name web\?$/],
    ["image build debian web", /"web" is one argument too many; did you mean --name web\?$/],
    ["vm create web --name db", /"web" is one argument too many$/],
    ["vm create 'web", /one argument too many$/],
    ["completion bash zsh", /"zsh" is one argument too many/],
    ["completion --bash", /completion: there is no flag --bash/],
    // Order.
    ["ls vm", /ls comes after vm; did you mean `banger vm ls`\?/],
    [
      "rm image web",
      /rm comes after image; did you mean `banger image rm`, or `banger vm rm image` for a VM of that name\?/,
    ],
    ["web start", /no command "web"; did you mean `banger vm start web`\?/],
    ["vm web start", /no verb "web"; did you mean `banger vm start web`\?/],
    ["build debian", /no command "build"; did you mean `banger image build`\?/],
    ["-f vm delete web", /"-f" stands before the verb/],
    ["vm --force delete web", /"--force" stands before the verb/],
    ["--jsn vm ls", /"--jsn" stands before the verb.*; did you mean --json\?/],
    ["--", /"--" stands before the verb/],
    ["help imge", /no command "imge"; did you mean image\?/],
    ["help vm strat", /no verb "strat"; did you mean start\?/],
    // Amounts.
    ...["two", "1e3", "0x10", "+1", "1.5", "٣", "1_000", "99999999999999999999", "Infinity", "--1"].map(
      (text) => [`vm create --cpus=${text}`, /--cpus: "[^"]*" is not a whole number from 1 to 64$/] as const,
    ),
    ["trace ls -n ten", /-n: "ten" is not a whole number from 1 to 200/],
    ["vm create --memory 512", /--memory: "512" is not a size from 64M to 1T, like 512M or 4G; did you mean 512M\?/],
    ["vm create --memory 1", /--memory: "1" is not a size from 64M to 1T, like 512M or 4G$/],
    ...["4GB", "G", "-4G", "4X", "1.3M", "4 G", "1e3M", "0x1G", "٣G"].map(
      (text) =>
        [`vm create --memory=${text.replace(" ", "\u00a0")}`, /--memory: .* is not a size from 64M to 1T/] as const,
    ),
    ["vm create --memory 0", /--memory: "0" is not a size from 64M to 1T, like 512M or 4G$/],
    // Within the limits of what was typed, not of the wire's unit.
    ["vm create --memory 1M", /--memory: "1M" is not a size from 64M to 1T, like 512M or 4G$/],
    ["vm create --disk 1M", /--disk: "1M" is not a size from 64M to 16T, like/],
    ["vm create --disk 100T", /--disk: "100T" is not a size from 64M to 16T, like/],
    ["image import x --size 10M", /--size: "10M" is not a size from/],
    ["vm stop web --timeout 2h", /--timeout: "2h" is not a time from 0s to 1h, like 90s, 2m, 8h or 1d$/],
    ["vm create --memory 4GB", /like 512M or 4G; did you mean 4G\?/],
    ["vm create --memory 1.5gi", /like 512M or 4G; did you mean 1.5G\?/],
    ["vm stop web --timeout 90", /"90" is not a time from 0s to 1h, like 90s, 2m, 8h or 1d; did you mean 90s\?/],
    ...["500ms", "1s1m", "-1s", "1.5m", "soon", "1d"].map(
      (text) => [`vm stop web --timeout=${text}`, /--timeout: "[^"]*" is not a time from 0s to 1h/] as const,
    ),
  ])("%s: says what is wrong", (line, message) => {
    expect(() => parse(line)).toThrow(message);
    expect(() => parse(line)).toThrow(BangerError);
  });

  it("a number with space around it is none", () => {
    expect(() => parseCommandLine(["vm", "create", "--cpus", " 5"])).toThrow(/" 5" is not a whole number/);
  });

  it.each([
    ...["start", "stop", "kill", "delete"].map((verb) => ["vm", verb] as const),
    ["image", "rm"] as const,
    ["kernel", "rm"] as const,
  ])("%s %s may name several, each once", (noun, verb) => {
    const invocation = parseCommandLine([noun, verb, "a", "--json", "b", "a", "c"]);
    if (invocation.kind !== "several") throw new Error(invocation.kind);
    expect(invocation.each.map(({ params }) => params[noun])).toEqual(["a", "b", "c"]);
    expect(invocation.each.every(({ flags }) => flags.json)).toBe(true);
  });
});

it.each(["completion bash", "completion -- bash", "completion bash --json", "-q completion bash"])("%s", (line) => {
  expect(parseCommandLine(words(line))).toEqual({ kind: "completion", shell: "bash" });
});

describe("help", () => {
  it.each([
    ["", {}],
    ["--help", {}],
    ["-h", {}],
    ["help", {}],
    ["--json --help", {}],
    ["-qh", {}],
    ["vm", { noun: "vm" }],
    ["vm --help", { noun: "vm" }],
    ["vm help", { noun: "vm" }],
    ["help vm", { noun: "vm" }],
    ["--help image", { noun: "image" }],
    ["completion --help", { noun: "completion" }],
    ["help completion", { noun: "completion" }],
    ["help vm start", { command: { verb: "start" } }],
    ["vm help start", { command: { verb: "start" } }],
    ["help start", { command: { verb: "start" } }],
    ["help vm rm", { command: { verb: "delete" } }],
    ["vm start --help", { command: { verb: "start" } }],
    ["vm --help start", { command: { verb: "start" } }],
    ["--help vm start", { command: { verb: "start" } }],
    ["start -h", { command: { verb: "start" } }],
    ["vm create --cpus two --nonsense -h", { command: { verb: "create" } }],
  ])("%s", (line, expected) => {
    expect(parseCommandLine(words(line))).toMatchObject({ kind: "help", ...expected });
  });

  it("is the guest's command's own behind its name", () => {
    expect(parse("exec web ls --help").rest).toEqual(["ls", "--help"]);
  });

  it.each(["--version", "-V", "version", "--json --version", "vm --version"])("%s is the version", (line) => {
    expect(parseCommandLine(words(line))).toEqual({ kind: "version" });
  });
});
