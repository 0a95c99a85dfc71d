// Runs a program once (`node code-cache.cjs PROGRAM CACHE ARGUMENT...`) and keeps what V8 compiled of it. src/cli/loader.cjs uses that.
const { readFileSync, writeFileSync } = require("node:fs");
const { wrap } = require("node:module");
const { dirname } = require("node:path");
const { Script } = require("node:vm");

const [program, cache, ...rest] = process.argv.slice(2);
const script = new Script(wrap(readFileSync(program, "utf8")), {
  filename: program,
});
process.argv = [process.argv[0], program, ...rest];
process.on("exit", () => {
  writeFileSync(cache, script.createCachedData());
  process.exitCode = 0;
});
script.runInThisContext()(exports, require, module, program, dirname(program));
