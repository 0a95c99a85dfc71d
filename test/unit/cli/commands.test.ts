import { describe, expect, it } from "vitest";
import { specOf } from "../../../src/cli/command.ts";
import { commands } from "../../../src/cli/commands.ts";
import { flagsFor, flagsOf } from "../../../src/cli/flags.ts";
import { methods } from "../../../src/cli/generated/methods.ts";
import { commandHelp, nounHelp, programHelp } from "../../../src/cli/help.ts";
import { parseCommandLine } from "../../../src/cli/parse.ts";
import { declaredContract } from "../../../src/rpc/contract/daemon.ts";
import type { Method } from "../../../src/rpc/contract/method.ts";

const rows = commands.map((command) => [`${command.noun} ${command.verb}`, command] as const);
const create = commands.find(({ method }) => method === "vmCreate");

describe("every command", () => {
  it.each(rows)("%s has help with an example that parses", (_, command) => {
    const help = commandHelp(command);
    expect(help).toContain(specOf(command).summary);
    expect(command.examples.length).toBeGreaterThan(0);
    for (const example of command.examples) {
      const words = example
        .replace(/^sudo /, "")
        .replace(/'[^']*'/g, "x")
        .split(" ")
        .slice(1);
      const end = words.findIndex((word) => word === "<" || word === ">");
      expect(["command", "several"]).toContain(parseCommandLine(end === -1 ? words : words.slice(0, end)).kind);
    }
  });

  it.each(rows)("%s has each flag once, and none that all have", (_, command) => {
    const names = flagsOf(command).flatMap((spec) => flagsFor(spec).map(({ name }) => name));
    const shorts = [...Object.values(command.short ?? {}), "h", "q"];
    expect(new Set(names).size).toBe(names.length);
    expect(new Set(shorts).size).toBe(shorts.length);
    for (const name of ["json", "quiet", "config", "help"]) expect(names).not.toContain(name);
  });

  it("and every method of the daemon that a person needs has a command", () => {
    const called = new Set(commands.map((command) => command.method));
    expect(Object.keys(declaredContract).filter((key) => !called.has(key as never))).toEqual(["traceSubmit"]);
  });

  it("opens a span exactly where its method does", () => {
    for (const [key, method] of Object.entries<Method>(declaredContract)) {
      expect(methods[key as keyof typeof methods].traced).toBe(method.traced);
    }
  });
});

describe("help", () => {
  it.each([
    ["--cpus N", "virtual CPUs (1 to 64; default 1)"],
    ["--memory SIZE", "memory (64M to 1T; default 512M; or --memory-mib N)"],
  ])("says the limits of %s", (flag, text) => {
    if (create === undefined) throw new Error("vm create is gone");
    expect(commandHelp(create)).toMatch(new RegExp(`${flag} +${text.replace(/[()]/g, "\\$&")}`));
  });

  it("marks what is required", () => {
    const command = commands.find(({ noun, verb }) => noun === "image" && verb === "import");
    if (command === undefined) throw new Error("image import is gone");
    expect(commandHelp(command)).toMatch(/^usage: banger image import \[FLAGS\] SOURCE$/m);
  });

  it("of the program names what is taken by those that may outlive their caller, and who they are", () => {
    const [, besides = ""] = programHelp(1000).split("take besides:");
    expect(besides).toMatch(/^ {2}--detach .*op_id.*\(vm create, vm start, .*kernel import.*\)$/m);
  });

  it.each([20, 40, 80])("in %i columns keeps its texts within them, and names whole", (width) => {
    const texts = [programHelp(width), nounHelp("vm", width), ...commands.map((one) => commandHelp(one, width))];
    const lines = texts.join("\n").split("\n");
    // Names, usages and examples are to be copied, and a word is never cut.
    const tooLong = lines.filter((line) => line.length > width && !/^ {2}\S|^usage|^ {3}or:/.test(line));
    expect(tooLong.filter((line) => line.trim().includes(" "))).toEqual([]);
  });
});
