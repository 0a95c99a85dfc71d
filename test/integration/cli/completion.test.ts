import { readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CliHost } from "../../support/scripted-daemon.ts";
import { vmCalled } from "../../support/vm.ts";

const opId = `op-${"4bf92f35".repeat(4)}`;
let host: CliHost;
beforeAll(async () => {
  host = new CliHost();
  await host.serve({
    vmList: async () => ({ vms: [vmCalled("web"), vmCalled("web-2"), vmCalled("db")] }),
    traceList: async () => ({
      operations: [
        {
          op_id: opId,
          name: "banger vm start",
          started_at: "2026-11-25T08:00:00Z",
          duration_ms: 1,
          status: "ok",
          spans: 1,
        },
      ],
    }),
  });
});
afterAll(() => host[Symbol.asyncDispose]());

/** What bash itself makes of a Tab at the end of a line, its splitting of words included. */
const tab = (on: CliHost, line: string) =>
  on.bash(`
    source <(banger completion bash)
    complete -p banger >/dev/null
    # As readline does: an interactive bash splits the line by COMP_WORDBREAKS.
    COMP_WORDS=(${line}) COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _banger banger
    printf '%s\\n' "\${COMPREPLY[@]}"`);

describe("bash completes", () => {
  it.each([
    ["verbs", "banger vm sta", "start"],
    ["names of VMs", "banger vm start we", "web\nweb-2"],
    ["names where vm is left out", "banger start d", "db"],
    ["those that aren't named yet", "banger vm stop web we", "web-2"],
    ["operations", "banger trace show op-4", opId],
    ["the last operation", "banger trace show l", "last"],
    ["a value behind a =", "banger vm create --image '=' x", ""],
    ["files", "banger image import inst", "install.toml"],
    ["nothing behind --", "banger vm exec web -- we", ""],
    ["what begins like an id", "banger vm start 0123", "0123456789abcdef"],
    ["a word with odd characters", `banger vm start '$(touch hit)*'`, ""],
  ])("%s", async (_, line, expected) => {
    const { stdout, stderr } = await tab(host, line);
    expect(stdout.trim().split("\n").toSorted().join("\n")).toBe(expected.split("\n").toSorted().join("\n"));
    expect(stderr).toBe("");
    expect(readdirSync(host.directory)).not.toContain("hit");
  });

  it("at a real Tab", async () => {
    const typed = "vm start d\\t\\n";
    const { stdout } = await host.bash(
      `declare -f banger >f; printf 'source ./f; source <(banger completion bash); PS1=; bind "set bell-style none"\\nbanger() { [ "$1" = __complete ] && env_banger "$@" || printf "asked %%s\\\\n" "$*"; }\\n' >rc
       sed 's/^banger/env_banger/' f >>rc
       printf 'banger ${typed}exit\\n' | script -qec "bash --rcfile rc -i" /dev/null`,
    );
    expect(stdout).toMatch(/asked vm start db\r?\n/);
  });

  it("without a trace, an operation or a word of what goes wrong", async () => {
    host.outcomes.splice(0);
    await tab(host, "banger vm start we");
    expect(host.outcomes.map(({ method, traced }) => [method, traced])).toEqual([["vm.list", false]]);
    await using away = new CliHost();
    expect(await tab(away, "banger vm start we")).toMatchObject({ code: 0, stdout: "\n", stderr: "" });
    expect(readdirSync(away.layout.daemonSocket.replace(/\/[^/]*$/, ""))).toEqual([]);
  });
});

it("an unknown shell is refused", async () => {
  const { code, stderr } = await host.run(["completion", "tcsh"]);
  expect(stderr).toMatch(/one of bash, zsh, fish/);
  expect(code).toBe(64);
});
