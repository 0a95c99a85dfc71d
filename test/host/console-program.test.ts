import { describe, expect, it } from "vitest";
import { noSandbox, Sandbox } from "../support/sandbox.ts";

describe.skipIf(noSandbox)(`the console's logger${noSandbox ? ` (${noSandbox})` : ""}`, () => {
  it("on a full disk drops bytes, marks how many when there is room again, and goes on", async () => {
    await using sandbox = await Sandbox.start();
    const log = await sandbox.root(`
      mkdir /mnt/tmp/d; mount -t tmpfs -o size=64k x /mnt/tmp/d; cd /mnt/tmp/d; mkfifo /mnt/tmp/in
      /mnt/banger/dist/console-log console.log 524288 </mnt/tmp/in & logger=$!
      exec 9>/mnt/tmp/in
      echo before >&9; until grep -q before console.log; do :; done
      cat /dev/zero >fill 2>/dev/null || true
      head -c 20000 /dev/zero | tr '\\0' x >&9
      # It has taken them when none is left in the FIFO.
      until [ "$(cat /proc/$logger/wchan)" = anon_pipe_read ] || [ "$(cat /proc/$logger/wchan)" = pipe_read ]; do :; done
      rm fill; echo after >&9; exec 9>&-; wait $logger
      cat console.log`);
    const [, dropped] = /\[banger: (\d+) bytes of the console were cut here\]\nafter\n$/.exec(log) ?? [];
    const kept = /^before\n(x*)/.exec(log)?.[1]?.length ?? 0;
    expect(Number(dropped)).toBeGreaterThan(0);
    expect(kept + Number(dropped)).toBe(20_000);
  });
});
