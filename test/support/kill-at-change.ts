// Preloaded: kills this process just before its KILL_AT-th change below KILL_BELOW.
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const { KILL_BELOW: below = "", KILL_AT: last = "" } = process.env;
let changes = 0;
for (const name of ["mkdirSync", "writeFileSync", "renameSync", "rmSync", "rmdirSync"] as const) {
  const change = fs[name] as (...args: unknown[]) => unknown;
  Object.assign(fs, {
    [name]: (...args: unknown[]) => {
      const path = typeof args[0] === "string" ? args[0] : "";
      if (path.startsWith(`${below}/`) && ++changes === Number(last)) process.kill(process.pid, "SIGKILL");
      return change(...args);
    },
  });
}
syncBuiltinESMExports();
