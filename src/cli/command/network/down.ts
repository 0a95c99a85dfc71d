import { command } from "../../command.ts";

/** `network down`. */
export const networkDown = command({
  noun: "network",
  verb: "down",
  method: "networkDown",
  positionals: [],
  about:
    "net.ipv4.ip_forward is what it was before, unless a chain of others (Docker's, libvirt's, a firewall's) decides on what is forwarded: it then stays 1, which is said.",
  examples: ["banger network down"],
  run: async ({ call, print, note, json }) => {
    const result = await call("networkDown", {});
    if (json) return print(result, () => "");
    note(result.removed ? "the network is removed" : "there was no network");
    const { forwarding_left_for: chain } = result;
    if (chain === undefined) return;
    note(`net.ipv4.ip_forward stays 1, as ${chain} decides on what is forwarded; where nobody needs it, set it to 0`);
  },
});
