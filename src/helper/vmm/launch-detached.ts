import { spawn } from "node:child_process";
import { processFacts } from "../process/process-facts.ts";
import type { Launch } from "./launcher.ts";

/** Starts it as a child of nobody's session, which outlives this process wherever nobody ends it for that. */
export const launchDetached: Launch = async ({ command: { argv, descriptors } }) => {
  const [program = "", ...args] = argv;
  const child = spawn(program, args, {
    stdio: descriptors.map((fd) => fd ?? "ignore"),
    detached: true,
    env: {},
    cwd: "/",
  });
  child.unref();
  let failed: string | undefined;
  child.once("error", (error) => {
    failed = error.message;
  });
  return {
    process: child.pid === undefined ? undefined : processFacts(child.pid),
    hasEnded: () => failed !== undefined || child.exitCode !== null || child.signalCode !== null,
    failure: () => failed,
  };
};
