import { runCli } from "./cli.ts";
import { exitOnBug } from "./exit-on-bug.ts";

exitOnBug();
// Ended here and now: a terminal or a pipe on standard input that stays open would keep the process.
void runCli(process.argv.slice(2)).then((exitCode) => process.exit(exitCode));
