import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { noSandbox, Sandbox } from "../support/sandbox.ts";

describe.skipIf(noSandbox)(`what takes a process's files${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  let sandbox: Sandbox;
  beforeAll(async () => {
    sandbox = await Sandbox.start();
    await sandbox.root("echo read >/mnt/tmp/read; echo written >/mnt/tmp/written; mkfifo /mnt/tmp/pipe");
  });
  afterAll(() => sandbox[Symbol.asyncDispose]());

  /** A process has two files and a pipe's ends open from 20 on; this takes some of them. */
  const take = (pairs: string, { starttime = "$(cut -d' ' -f22 /proc/$$/stat)", argv = "/bin/cat /dev/fd/5" } = {}) =>
    sandbox.run(
      [
        "bash",
        "-c",
        `exec 20</mnt/tmp/read 21<>/mnt/tmp/written 24<>/mnt/tmp/pipe 22</mnt/tmp/pipe 23>/mnt/tmp/pipe
        is() { echo "$1=$2:$(stat -Lc %d:%i /proc/$$/fd/$2)"; }
        export SECRET=1; /mnt/banger/dist/take-files $$ ${starttime} ${pairs} -- ${argv}`,
      ],
      { as: "root" },
    );

  it("opens them at other places, as they are open there, without environment", async () => {
    expect(await take("$(is 5 20)")).toMatchObject({ code: 0, stdout: "read\n" });
    const flags =
      "/usr/bin/awk '/flags/' /proc/self/fdinfo/5 /proc/self/fdinfo/12 /proc/self/fdinfo/3 /proc/self/fdinfo/4";
    const { stdout } = await take("$(is 5 20) $(is 12 21) $(is 3 22) $(is 4 23)", { argv: flags });
    expect(stdout.match(/\d(?=\n)/g)).toEqual(["0", "2", "0", "1"]);
    expect((await take("$(is 5 20)", { argv: "/usr/bin/env" })).stdout).toBe("");
    expect(await sandbox.root("cat /mnt/tmp/written"), "nothing is emptied").toBe("written\n");
  });

  it.each([
    ["a process that began at another time", "$(is 5 20)", { starttime: "1" }, "find the helper: No such process"],
    ["a descriptor that isn't open", "5=40:1:1", {}, "open fdinfo/40: No such file or directory"],
    ["a descriptor that is another file by now", "5=20:1:1", {}, "find 5=20:1:1: Stale file handle"],
    ["one that isn't said to be a file", "5=20", {}, "find 5=20: Stale file handle"],
    ["no place", "x=20:1:1", {}, "take x=20:1:1: Invalid argument"],
  ])("takes nothing of %s", async (_, pairs, options, said) => {
    expect(await take(pairs, options)).toMatchObject({ code: 70, stdout: "", stderr: `take-files: ${said}\n` });
  });
});
