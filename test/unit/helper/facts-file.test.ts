import { expect, it } from "vitest";
import { isVmFacts, readFactsFile } from "../../../src/helper/files/facts-file.ts";

/** A file of root's that opens and whose reading fails, as on a failing disk. */
const failing = "/proc/self/mem";

it.skipIf(process.getuid?.() !== 0)("a file of facts that can't be read now is not laid aside as a spoilt one", () => {
  expect(() => readFactsFile(failing, isVmFacts)).toThrow(/facts: \/proc\/self\/mem can't be read \(EIO\)/);
});
