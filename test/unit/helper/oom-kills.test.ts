import { expect, it } from "vitest";
import { oomKills } from "../../../src/helper/kernel/oom-kills.ts";

const kill = (text: string, prefix = "<3>[ 4321.000120]") =>
  `${prefix} ${text} 4711 (qemu-system-x86) total-vm:901240kB, anon-rss:120kB, file-rss:8kB, shmem-rss:0kB, UID:60706 pgtables:812kB oom_score_adj:0`;

it.each<[string, string, ReturnType<typeof oomKills>]>([
  ["the host", kill("Out of memory: Killed process"), [{ uid: 60_706, at: 4321.000_12 }]],
  ["a control group", kill("Memory cgroup out of memory: Killed process"), [{ uid: 60_706, at: 4321.000_12 }]],
  ["nobody", "<6>[    0.000000] Linux version 6.1", []],
  ["nobody: somebody wrote it there", kill("Out of memory: Killed process", "<11>[ 4321.000120]"), []],
  [
    "another, who calls himself odd things",
    kill("Out of memory: Killed process").replace("qemu-system-x86", ") UID:1 (").replace("60706", "1000"),
    [{ uid: 1000, at: 4321.000_12 }],
  ],
  ["nobody, in what was cut off", kill("Out of memory: Killed process").slice(8), []],
  ["nobody, in an empty log", "", []],
])("the kernel killed for want of memory of %s", (_, line, kills) => {
  const around = "<6>[ 4320.000000] before";
  expect(oomKills(`${around}\n${line}\n<6>[ 4322.000000] after\n`)).toEqual(kills);
});
