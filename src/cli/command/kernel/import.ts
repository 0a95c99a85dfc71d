import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { command } from "../../command.ts";
import { sourceFile } from "../../source-file.ts";

/** `kernel import`: prints the new kernel's name. */
export const kernelImport = command({
  noun: "kernel",
  verb: "import",
  method: "kernelImport",
  positionals: ["source"],
  files: ["source", "modules"],
  examples: [
    "banger kernel import linux-image-cloud-amd64",
    "banger kernel import ./linux-image-6.1.0-37-cloud-amd64_6.1.140-1_amd64.deb",
    "banger kernel import ./vmlinuz --modules /lib/modules/6.1.0-37-amd64",
  ],
  prepare: (params) => {
    const isPackageName = /^[a-z0-9][a-z0-9.+-]+$/.test(params.source) && !existsSync(params.source);
    const source = isPackageName ? params.source : sourceFile("kernel", params.source);
    const modules = params.modules === undefined ? {} : { modules: resolve(params.modules) };
    return { ...params, source, ...modules };
  },
  show: ({ print }, kernel) => print(kernel, ({ name }) => `${name}\n`),
});
