import { describe, expect, it } from "vitest";
import { commands } from "../../../src/cli/commands.ts";
import { completion } from "../../../src/cli/completion.ts";
import { methods } from "../../../src/cli/generated/methods.ts";
import { commandHelp } from "../../../src/cli/help.ts";
import { parseCommandLine } from "../../../src/cli/parse.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { daemonContract } from "../../../src/rpc/contract/daemon.ts";
import type { Method } from "../../../src/rpc/contract/method.ts";

const parse = (line: string) => {
  const invocation = parseCommandLine(line.split(" "));
  if (invocation.kind !== "command") throw new Error(`not a command: ${invocation.kind}`);
  const { command, params, rest, flags } = invocation;
  return { command: `${command.noun} ${command.verb}`, params, rest, json: flags.json };
};

describe("a command line", () => {
  it.each([
    ["vm ls --json", { command: "vm ls", params: {}, json: true }],
    ["vm create --cpus 2 --memory-mib=256", { params: { cpus: 2, memory_mib: 256 } }],
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
    ["vm rm web", { command: "vm delete", params: { vm: "web" } }],
    ["image delete bookworm", { command: "image rm" }],
    ["vm create --cpus -1 --name web", { params: { cpus: -1, name: "web" } }],
    ["vm ssh web", { params: { vm: "web" }, rest: [] }],
    ["image build debian --packages git --packages curl", { params: { recipe: "debian", packages: ["git", "curl"] } }],
  ])("%s", (line, expected) => {
    expect(parse(line)).toMatchObject(expected);
  });

  it.each([
    ["vms ls", /no command "vms"; did you mean vm\?/],
    ["vm strat web", /no verb "strat"; did you mean start\?/],
    ["vm start", /vm start: vm is missing/],
    ["vm start a b", /"b" is one argument too many/],
    ["vm create --cpus two", /cpus: "two" is not a whole number/],
    ["vm create --cpu 2", /Unknown option '--cpu'; did you mean --cpus\?/],
    ["vm create --cpus -x", /'--cpus' needs a value \(with `=` when it begins with -\)/],
    ["vm create --name --cpus 2", /'--name' needs a value/],
    ["image build gentoo", /recipe: "gentoo" is not one of debian/],
    ["vm exec web", /argv is missing/],
  ])("%s: says what is wrong", (line, message) => {
    expect(() => parse(line)).toThrow(message);
    expect(() => parse(line)).toThrow(BangerError);
  });
});

describe("every command", () => {
  it.each(commands.map((command) => [`${command.noun} ${command.verb}`, command] as const))(
    "%s has help with an example that parses",
    (_, command) => {
      const help = commandHelp(command);
      expect(help).toContain(methods[command.method].summary);
      expect(command.examples.length).toBeGreaterThan(0);
      for (const example of command.examples) {
        const words = example
          .replace(/'[^']*'/g, "x")
          .split(" ")
          .slice(1);
        const end = words.findIndex((word) => word === "<" || word === ">");
        expect(parseCommandLine(end === -1 ? words : words.slice(0, end))).toMatchObject({ kind: "command" });
      }
    },
  );

  it("and every method of the daemon that a person needs has a command", () => {
    const called = new Set(commands.map((command) => command.method));
    expect(Object.keys(daemonContract).filter((key) => !called.has(key as never))).toEqual(["traceSubmit"]);
  });

  it("opens a span exactly where its method does", () => {
    for (const [key, method] of Object.entries<Method>(daemonContract)) {
      expect(methods[key as keyof typeof methods].traced).toBe(method.traced);
    }
  });

  it.each(["bash", "zsh", "fish"])("is completed by %s", (shell) => {
    const script = completion(shell);
    for (const { noun, verb } of commands) expect(script).toMatch(new RegExp(`${noun}[^\\n]*\\b${verb}\\b`));
  });
});
