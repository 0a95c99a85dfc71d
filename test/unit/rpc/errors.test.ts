import { expect, it } from "vitest";
import { parseCommandLine } from "../../../src/cli/parse.ts";
import { errorTable } from "../../../src/rpc/contract/errors.ts";

it.each(Object.entries(errorTable))("the next step of %s is a command that is there, if it is one", (_, { hint }) => {
  expect(hint).not.toMatch(/noun/);
  for (const [, line = ""] of hint.matchAll(/`banger ([^`]+)`/g)) {
    const words = line.split(" ");
    expect(["command", "help"]).toContain(
      parseCommandLine([...words, ...(words.includes("--help") ? [] : ["--help"])]).kind,
    );
  }
});
