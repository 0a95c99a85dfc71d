import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CliHost, endOf } from "../../support/scripted-daemon.ts";

let host: CliHost;
beforeEach(() => {
  host = new CliHost();
});
afterEach(() => host[Symbol.asyncDispose]());

const target = {
  host: "10.77.0.2",
  port: 22,
  user: "root",
  identity_file: "/k",
  known_hosts_file: "/h",
  host_key_alias: "a",
};
const at = (name: string) => join(host.directory, name);
/** Runs \`banger vm ssh web\`, where ssh is this script. */
const ssh = (script: string, argv: readonly string[] = []) => {
  mkdirSync(at("bin"));
  writeFileSync(at("bin/ssh"), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
  return host.bash(`PATH=${host.directory}/bin:$PATH; banger vm ssh web ${argv.join(" ")}`);
};

describe("vm ssh", () => {
  it.each([
    ["a shell", [], "exit 7", 7],
    ["a command", ["--", "true"], "exit 0", 0],
  ])("tells the daemon for how long %s goes on", async (_, argv, script, code) => {
    const told: string[] = [];
    await host.serve({
      vmSsh: async ({ hold }, { emit, input }) => {
        told.push(hold === true ? "asked to hold" : "asked");
        await emit("ssh", target);
        for await (const _bytes of input);
        told.push(existsSync(at("ended")) ? "ended after ssh" : "ended before ssh");
        return target;
      },
    });
    expect(await ssh(`touch ${at("ended")}; ${script}`, argv)).toMatchObject({ code });
    // What it was told last it may hear after the command has ended.
    await expect.poll(() => told).toEqual(["asked to hold", "ended after ssh"]);
  });

  it("goes on when the daemon fails meanwhile", async () => {
    await host.serve({
      vmSsh: async (_, { emit }) => {
        await emit("ssh", target);
        throw new Error("it fails");
      },
    });
    expect(await ssh("sleep 0.3; echo still there; exit 5")).toMatchObject({ code: 5, stdout: "still there\n" });
  });

  it("asks for nothing more where only the way there is wanted", async () => {
    await host.serve({
      vmSsh: async ({ hold }) => {
        expect(hold).toBeUndefined();
        return target;
      },
    });
    const { code, stdout } = await endOf(host.spawn(["vm", "ssh", "--json", "web"]));
    expect({ code, answer: JSON.parse(stdout) as unknown }).toEqual({ code: 0, answer: target });
  });
});
