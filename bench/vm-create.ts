import type { Comparison } from "./comparison.ts";
import { run, timeProgram } from "./programs.ts";

/** `banger vm create` from an image of 100 GiB against the same from one of 1 GiB. */
export async function vmCreate(): Promise<Comparison> {
  await run("sh", ["-c", "mkdir -p /mnt/tmp/tree/bin && tar -C /mnt/tmp/tree -cf /mnt/tmp/tree.tar ."]);
  const importOf = (name: string, size: string) =>
    run("banger", ["image", "import", "/mnt/tmp/tree.tar", "--name", name, "--size", size, "--quiet"]);
  await importOf("small", "1G");
  await importOf("large", "100G");
  const create = async (image: string) => {
    const took = await timeProgram("banger", ["vm", "create", "--name", "made", "--image", image, "--quiet"]);
    await run("banger", ["vm", "delete", "made", "--quiet"]);
    return took;
  };
  return {
    name: "create a VM",
    ours: "from an image of 100 GiB",
    rival: "from one of 1 GiB",
    aim: { ratio: 1.1 },
    runs: 12,
    measureOurs: () => create("large"),
    measureRival: () => create("small"),
  };
}
