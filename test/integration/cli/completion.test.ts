import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CliHost } from "../../support/scripted-daemon.ts";
import { vmCalled } from "../../support/vm.ts";

const opId = `op-${"4bf92f35".repeat(4)}`;
const at = "2026-11-25T08:00:00.000Z";
let host: CliHost;
beforeAll(async () => {
  host = new CliHost();
  await host.serve({
    vmList: async () => ({ vms: [vmCalled("web"), vmCalled("web-2"), vmCalled("db")] }),
    imageList: async () => ({
      images: [{ id: "c".repeat(64), name: "debian", size: 1, source: "test", created_at: at }],
    }),
    traceList: async () => ({
      operations: [{ op_id: opId, name: "banger vm start", started_at: at, duration_ms: 1, status: "ok", spans: 1 }],
    }),
  });
});
afterAll(() => host[Symbol.asyncDispose]());

/** What an interactive bash runs after each line, a Tab and Enter. */
async function tabbed(on: CliHost, lines: readonly string[]): Promise<string[]> {
  const { stdout } = await on.bash(
    `{ declare -f banger | sed '1s/banger/real/'; cat <<'RC'
PS1= PS2=
banger() { if [ "$1" = __complete ]; then real "$@"; else printf 'asked [%s]\\n' "$*"; fi; }
source <(real completion bash)
RC
     } >rc
     cat >lines <<'LINES'
${lines.map((line) => `banger ${line}\t`).join("\n")}
exit
LINES
     script -qec "bash --rcfile rc -i" /dev/null <lines`,
  );
  return [...stdout.matchAll(/^asked \[(.*)\]\r?$/gm)].map(([, asked]) => asked ?? "");
}

describe("a Tab in bash", () => {
  it("completes what is typed, and what can't be it leaves", async () => {
    const rows: readonly (readonly [typed: string, asked: string])[] = [
      ["vm star", "vm start"],
      ["star", "start"],
      ["vm stats web d", "vm stats web db"],
      ["vm start d", "vm start db"],
      ["start web-", "start web-2"],
      ["start w", "start web"],
      ["vm stop web web", "vm stop web web-2"],
      ["vm start 0123", "vm start 0123456789abcdef"],
      ["vm start '$(touch hit)*'", "vm start $(touch hit)*"],
      ["vm create --im", "vm create --image"],
      ["vm create --image=de", "vm create --image=debian"],
      ["vm create --image=", "vm create --image=debian"],
      ["vm create --image de", "vm create --image debian"],
      ["trace show l", "trace show last"],
      ["trace show op-4", `trace show ${opId}`],
      ["image build ", "image build debian"],
      ["image import inst", "image import install.toml"],
      ["image import './inst", "image import ./install.toml"],
      ["--config=inst", "--config=install.toml"],
      ["vm exec web -- inst", "vm exec web -- inst"],
      ["nonsense w", "nonsense w"],
    ];
    const lines = rows.map(([typed]) => typed);
    expect((await tabbed(host, lines)).map((asked, index) => [lines[index], asked])).toEqual(rows);
    expect(readdirSync(host.directory)).not.toContain("hit");
    expect(new Set(host.outcomes.map(({ traced }) => traced))).toEqual(new Set([false]));
  }, 60_000);

  it("is silent when there is no daemon, and leaves nothing for it", async () => {
    await using away = new CliHost();
    const { stdout, stderr, code } = await away.bash("banger __complete vm start w; banger __complete");
    expect({ stderr, code }).toEqual({ stderr: "", code: 0 });
    expect(stdout).toMatch(/^:words\nvm\n/);
    expect(readdirSync(dirname(away.layout.daemonSocket))).toEqual([]);
  });
});

it("an unknown shell is refused", async () => {
  const { code, stderr } = await host.run(["completion", "tcsh"]);
  expect(stderr).toMatch(/one of bash, zsh, fish/);
  expect(code).toBe(64);
});
