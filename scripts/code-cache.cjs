// Runs the bundled CLI's `vm exec` and `vm ls` once each, against a socket of its own, and keeps what V8 compiled of them:
// `node code-cache.cjs PROGRAM CACHE`. src/cli/loader.cjs uses that.
const { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } = require("node:fs");
const { createServer } = require("node:net");
const { tmpdir } = require("node:os");
const { dirname, join } = require("node:path");
const { createInterface } = require("node:readline");
const { Script } = require("node:vm");

const [program, cache] = process.argv.slice(2);
const directory = mkdtempSync(join(tmpdir(), "banger-build-"));
const config = join(directory, "install.toml");
const paths = ["state_dir", "run_dir", "helper_run_dir"].map((key) => `${key} = "${directory}/${key}"\n`);
const numbers = { owner_uid: 1, owner_gid: 1, uid_first: 62000, uid_count: 1 };
writeFileSync(
  config,
  `id = "00000000"\nsubnet = "10.0.0.0/24"\n${paths.join("")}${Object.entries(numbers)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join("")}`,
);

const script = new Script(readFileSync(program, "latin1"), { filename: program });
process.on("exit", () => {
  writeFileSync(cache, script.createCachedData());
  rmSync(directory, { recursive: true });
});
const server = createServer((socket) => {
  createInterface({ input: socket }).on("line", (line) => {
    socket.write(
      `${JSON.stringify({ id: JSON.parse(line).id, result: { vms: [], accepted: 0, exit_code: 0, signal: null } })}\n`,
    );
  });
});
const lines = [
  ["vm", "exec", "web", "--", "true"],
  ["vm", "ls"],
];
const exit = process.exit;

/** The CLI ends its process itself: each but the last end begins the next line. */
function runNext() {
  const line = lines.shift();
  process.exit = lines.length === 0 ? exit : runNext;
  process.argv = [process.argv[0], program, ...line.toSpliced(2, 0, "--config", config)];
  script.runInThisContext()(exports, require, module, program, dirname(program));
}
mkdirSync(join(directory, "run_dir"));
server.listen(join(directory, "run_dir", "bangerd.sock"), runNext);
