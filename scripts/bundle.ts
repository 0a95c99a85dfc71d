// Bundles each program into one file, so that starting it reads one file and loads nothing that it doesn't use.
import { execFileSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { build } from "esbuild";

interface Program {
  readonly name: string;
  readonly source: string;
  /** Packages that stay where they are: native ones, and those that start threads or read their own files. */
  readonly external: string[];
  /** Packages that may not come into it, however indirectly. */
  readonly without: RegExp;
  /** True for what src/cli/loader.cjs runs: as a function, which spares it the loading of `node:module`. */
  readonly wrapped?: true;
}

const programs: Program[] = [
  {
    name: "banger-main",
    source: "src/cli/main.ts",
    // Loaded only when it is asked to log.
    external: ["pino"],
    // The CLI starts fast because it loads none of these.
    without: /node_modules\/(zod|koffi|ssh2|@opentelemetry\/(sdk-node|exporter))/,
    wrapped: true,
  },
  {
    name: "bangerd",
    source: "src/daemon/main.ts",
    external: ["koffi", "ssh2", "pino", "@opentelemetry/*"],
    without: /^$/,
  },
  {
    name: "bangerd-root",
    source: "src/helper/main.ts",
    external: ["koffi"],
    // Root opens no connection of its own.
    without: /node_modules\/(ssh2|@opentelemetry\/(sdk-node|exporter))/,
  },
];

const wrapper = { before: "(function (exports, require, module, __filename, __dirname) {", after: "})" };

await Promise.all(
  programs.map(async ({ name, source, external, without, wrapped }) => {
    const { metafile } = await build({
      entryPoints: { [name]: source },
      outdir: "dist",
      outExtension: { ".js": ".cjs" },
      bundle: true,
      platform: "node",
      target: "node26",
      format: "cjs",
      // A script that is run with a code cache has nothing that would resolve import().
      supported: { "dynamic-import": false },
      external,
      ...(wrapped ? { banner: { js: wrapper.before }, footer: { js: wrapper.after } } : {}),
      metafile: true,
      legalComments: "none",
      logLevel: "warning",
    });
    const unwanted = Object.keys(metafile.inputs).find((input) => without.test(input));
    if (unwanted !== undefined) throw new Error(`${name} must be without ${unwanted}; something imports it now`);
  }),
);

copyFileSync("src/cli/loader.cjs", "dist/banger.cjs");
execFileSync("node", ["scripts/code-cache.cjs", "dist/banger-main.cjs", "dist/banger-main.cache"], { stdio: "pipe" });
