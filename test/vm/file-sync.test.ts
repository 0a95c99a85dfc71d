import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Installation } from "../support/installation.ts";
import { noSandbox } from "../support/sandbox.ts";

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

describe.skipIf(noSandbox)(`file_sync and ssh${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let host: Installation;
  beforeEach(async () => {
    host = await Installation.start({ guest: true });
    await host.ok("vm", "create", "--name", "web", "--memory-mib", "192");
  });
  afterEach(() => host[Symbol.asyncDispose]());

  const owner = async (script: string) => {
    const ended = await host.sandbox.run(["bash", "--norc", "-euc", script]);
    expect(ended.stderr).toBe("");
    return ended.stdout;
  };
  const guest = async (script: string) => (await host.person(["exec", "web", "--", "sh", "-c", script])).stdout;

  it("takes the owner's files into a guest, to whose they are there; ssh reaches it by banger and plainly", async () => {
    await owner(`
      umask 077; cd; mkdir -p .config/banger .config/git/hooks keys .ssh
      printf '[user]\\n' > .gitconfig; printf secret > keys/deploy; printf known > .ssh/config; chmod 644 .gitconfig
      printf other > .ssh/authorized_keys
      printf x > .config/git/'-rf odd'; ln -s ../git .config/git/out; ln -s hooks .config/git/in; mkfifo .config/git/fifo
      cat > .config/banger/config.toml <<'TOML'
file_sync = [".gitconfig", ".config/git", ".ssh", "gone", { path = "keys/deploy", to = "/opt/a/b/deploy" },
  { path = "keys/deploy", to = "keys/mine", user = "dev" }, { path = ".gitconfig", to = "/usr" }]
TOML`);
    const first = await host.ok<{ warnings: { message: string }[] }>("vm", "start", "web");
    // The user isn't there yet.
    const warned = (warnings: { message: string }[]) =>
      warnings.map(({ message }) => message.replace(/^.*: file_sync: /, ""));
    expect(warned(first.warnings)).toContainEqual(
      expect.stringMatching(/^what was to be copied of dev was not: .*user dev/),
    );
    await guest("useradd -m dev && ln -s /etc/motd /root/.planted");
    expect((await host.person(["restart", "web"])).code).toBe(0);
    const { warnings } = await host.ok<{ warnings: { message: string }[] }>("vm", "show", "web");
    expect(warned(warnings)).toEqual([
      ".gitconfig: its place /usr in the guest is taken or can't be written",
      ".config/git: left out: 1 socket(s), FIFO(s) or device(s), 1 symbolic link(s) that lead out of it",
      ".ssh: left out: 1 authorized_keys, by which banger itself comes in",
      "gone: left out: it isn't there",
    ]);
    const facts = "-printf '%u:%g %m %p %l\\n' | LC_ALL=C sort";
    expect(await guest(`cd /root; find .gitconfig .config .ssh -type f,d,l ${facts}; cat .ssh/config`)).toBe(
      [
        "root:root 600 .config/git/-rf odd ",
        "root:root 600 .ssh/authorized_keys ",
        "root:root 600 .ssh/config ",
        "root:root 644 .gitconfig ",
        "root:root 700 .config ",
        "root:root 700 .config/git ",
        "root:root 700 .config/git/hooks ",
        "root:root 700 .ssh ",
        "root:root 777 .config/git/in hooks",
        "known",
      ].join("\n"),
    );
    expect(await guest(`find /opt/a ${facts}; find /home/dev/keys ${facts}; ls -A /root | grep sync || true`)).toBe(
      [
        "root:root 600 /opt/a/b/deploy ",
        "root:root 755 /opt/a ",
        "root:root 755 /opt/a/b ",
        "dev:dev 600 /home/dev/keys/mine ",
        "dev:dev 700 /home/dev/keys ",
        "",
      ].join("\n"),
    );
    expect(await host.person(["ssh", "web", "--", "cat", "/root/.gitconfig"])).toMatchObject({
      code: 0,
      stdout: "[user]\n",
    });
    const config = "/mnt/tmp/.local/state/banger/5eed0001/ssh_config";
    expect(await owner(`ssh -F ${config} -o BatchMode=yes web.vm hostname`)).toBe("web\n");
    // A key that was lost is made anew, and guests that run learn of it; what else lets in stays.
    const before = await guest("cd /root/.ssh; printf 'ssh-rsa of-mine' >> authorized_keys; cat authorized_keys");
    await host.daemon?.end();
    await owner(`rm ${config.replace("ssh_config", "id_ed25519")}*`);
    const daemon = await host.startDaemon();
    await daemon.logged(({ message }) => message === "a guest that runs was given the SSH key in use");
    expect(await owner(`ssh -F ${config} -o BatchMode=yes web.vm hostname`)).toBe("web\n");
    const key = await owner(`cat ${config.replace("ssh_config", "id_ed25519.pub")}`);
    expect(await guest("cd /root/.ssh; cat authorized_keys; stat -c %a authorized_keys")).toBe(
      `${before}\n${key}600\n`,
    );
    await host.ok("vm", "delete", "--force", "web");
    expect(await owner(`until ! grep -q web.vm ${config}; do :; done`)).toBe("");
  });
});
