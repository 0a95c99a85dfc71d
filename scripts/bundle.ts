// Bundles each program into one file, so that starting it reads one file and loads nothing that it doesn't use.
import { existsSync } from "node:fs";
import { build } from "esbuild";

const programs = { banger: "src/cli/main.ts", bangerd: "src/daemon/main.ts", "bangerd-root": "src/helper/main.ts" };
const entryPoints = Object.fromEntries(Object.entries(programs).filter(([, source]) => existsSync(source)));

if (Object.keys(entryPoints).length > 0) {
  await build({
    entryPoints,
    outdir: "dist",
    outExtension: { ".js": ".cjs" },
    bundle: true,
    platform: "node",
    target: "node26",
    format: "cjs",
    external: ["koffi", "ssh2", "@opentelemetry/sdk-node"],
    legalComments: "none",
    logLevel: "warning",
  });
}
