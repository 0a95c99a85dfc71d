import { runCli } from "./cli.ts";

// A reader that leaves early (`| head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0);
  throw error;
});

void runCli(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode;
  // Standard input may still be read by nobody: it would keep the process.
  process.stdin.unref?.();
});
