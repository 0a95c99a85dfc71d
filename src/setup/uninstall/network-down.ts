import { existsSync } from "node:fs";
import type { Installation } from "../../installation/install-file.ts";
import { layoutOf } from "../../installation/layout.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { SetupDeps } from "../deps.ts";
import { sockets } from "../setup.ts";

const linksOf = (installation: Installation) => {
  const { bridge, namesLink } = layoutOf(installation);
  return [bridge, namesLink];
};

/** Links and the table of rules, as far as they are there. */
async function networkThere({ places, run }: SetupDeps, installation: Installation): Promise<string[]> {
  const { table } = layoutOf(installation);
  const links = linksOf(installation).filter((link) => existsSync(places.at(`/sys/class/net/${link}`)));
  const { code } = await run("/usr/sbin/nft", ["list", "table", "inet", table]);
  return [...links, ...(code === 0 ? [`table inet ${table}`] : [])];
}

/** What of the network would be removed. */
export async function networkPlan(deps: SetupDeps, installation: Installation): Promise<string[]> {
  const there = await networkThere(deps, installation);
  return there.length === 0 ? [] : [`remove bridge and rules: ${there.join(", ")}`];
}

/** By the helper, which knows what is its own; by the names, where no helper can be had. */
export async function networkDown(deps: SetupDeps, installation: Installation): Promise<void> {
  const { daemonOf, places, systemd, run } = deps;
  const words: string[] = [];
  await systemd.start(sockets).catch(() => undefined);
  try {
    await daemonOf(installation, places.config).networkDown();
  } catch {
    for (const name of await networkThere(deps, installation)) {
      const { stderr } = name.startsWith("table ")
        ? await run("/usr/sbin/nft", ["delete", ...name.split(" ")])
        : await run("/usr/sbin/ip", ["link", "delete", name]);
      if (stderr.trim() !== "") words.push(stderr.trim());
    }
  }
  const left = await networkThere(deps, installation);
  if (left.length === 0) return;
  const byHand = left.map((name) => (name.startsWith("table ") ? `nft delete ${name}` : `ip link delete ${name}`));
  throw new BangerError("command_failed", `can't remove ${[left.join(", "), ...words].join(": ")}`, {
    details: { hint: `Remove them by hand (\`${byHand.join("; ")}\`), then run the command again.` },
  });
}
