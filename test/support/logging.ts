// Logs COUNT records to its standard output, says so on standard error, and one more record for each line of its standard input.
import { createInterface } from "node:readline";
import { createLogger } from "../../src/telemetry/log.ts";
import { Output } from "../../src/telemetry/output.ts";

const log = createLogger("test", new Output(1));
for (let n = 0; n < Number(process.argv[2]); n++) log.info({ n, text: "x".repeat(100) } as object, "record");
process.stderr.write("logged\n");
createInterface({ input: process.stdin })
  .on("line", (line) => {
    log.info({ line } as object, "asked");
    process.stderr.write(`heard ${line}\n`);
  })
  .on("close", () => process.exit(0));
