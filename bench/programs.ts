import { spawn } from "node:child_process";
import { timed } from "./comparison.ts";

/** Runs a program to its end; a bad exit ends the bench. */
export function run(file: string, args: readonly string[], env = process.env): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { env, stdio: ["ignore", "pipe", "pipe"] });
    let out = "";
    let err = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve(out) : reject(new Error(`${file} ${args.join(" ")}: exit ${code}: ${err}`)),
    );
  });
}

/** Times a program from its start to its end. */
export function timeProgram(file: string, args: readonly string[]): Promise<number> {
  return timed(() => run(file, args));
}
