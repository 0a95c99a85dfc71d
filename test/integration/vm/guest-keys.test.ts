import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ScriptedAgent } from "../../support/scripted-agent.ts";
import { ScriptedHost } from "../../support/scripted-host.ts";

let host: ScriptedHost;
let agent: ScriptedAgent;
let commands: string[];
beforeEach(async () => {
  commands = [];
  host = await ScriptedHost.start();
  host.helper.onStarted = (vmm) => {
    agent = vmm.agent;
    agent.onCommand = (payload) => void commands.push(payload.toString("latin1"));
  };
  await host.create("web");
  await host.start("web");
});
afterEach(() => host[Symbol.asyncDispose]());

const keyFile = () => join(host.ownerHome, ".local/state/banger/5eed0002/id_ed25519");
const publicKey = () => readFileSync(`${keyFile()}.pub`, "utf8").trim();
const health = () => host.show("web").health;
const logged = (message: string) => host.logged.filter((record) => record.message === message);

/** The key is made anew by the daemon that comes next. */
function loseKey(): void {
  host.endDaemon();
  for (const path of [keyFile(), `${keyFile()}.pub`]) rmSync(path);
}

describe("a guest that runs, and a daemon that begins", () => {
  it("with another SSH key: it is given that, once", async () => {
    loseKey();
    await host.startDaemon();
    await expect.poll(() => logged("a guest that runs was given the SSH key in use").length).toBe(1);
    expect(commands).toEqual([expect.stringContaining(publicKey())]);
    host.endDaemon();
    await host.startDaemon();
    await expect.poll(health).toBe("ok");
    await host.exec("web");
    expect(commands.slice(1)).toEqual([expect.stringContaining("true")]);
  });

  it("with the same SSH key: it is asked for nothing", async () => {
    host.endDaemon();
    await host.startDaemon();
    await expect.poll(health).toBe("ok");
    await host.exec("web");
    expect(commands).toEqual([expect.stringContaining("true")]);
  });

  it("that can't give it the key: that is said, and its ssh tries again", async () => {
    loseKey();
    agent.commands = "read";
    agent.exits = 1;
    agent.onCommand = () => agent.close();
    await host.startDaemon();
    const failed = "a guest that runs could not be given the SSH key in use; `vm ssh` tries it again";
    await expect.poll(() => logged(failed).length).toBe(1);
    agent.commands = "end";
    agent.onCommand = (payload) => void commands.push(payload.toString("latin1"));
    await expect.poll(health).toBe("ok");
    const left = new AbortController();
    const ssh = host.ask(({ guests }, request) => guests.ssh({ vm: "web", timeout_s: 60 }, request), {
      signal: left.signal,
    });
    await expect.poll(() => commands).toEqual([expect.stringContaining(publicKey())]);
    left.abort(new Error("left"));
    await expect(ssh).rejects.toThrow();
  });
});
