import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { Warning } from "../../rpc/contract/warning.ts";
import type { Lack } from "./names/guest-names.ts";

type Bridge = ResultOf<typeof helperContract.bridgeEnsure>;
type Drops = Pick<ResultOf<typeof helperContract.natEnsure>, "drops" | "cuts">;
type Drop = NonNullable<Drops["drops"]>[number];
type Cut = NonNullable<Drops["cuts"]>[number];

/** What the host's routes make of the guests' network. */
export function bridgeWarnings({ bridge, address, shadows = [], leads_elsewhere: elsewhere }: Bridge): Warning[] {
  const another = "choose another `subnet` in the install file";
  return [
    ...shadows.map((route) => ({
      code: "subnet_shadows",
      message: `the guests' network (${address} on ${bridge}) lies within the route ${route}; what that led to there is out of reach of this host now`,
      hint: `If you need it, run \`network down\`, and ${another}.`,
    })),
    ...(elsewhere === undefined
      ? []
      : [
          {
            code: "subnet_taken",
            message: elsewhere,
            hint: `Take away the route or the VPN that leads there, or stop the VMs, run \`network down\`, and ${another}.`,
          },
        ]),
  ];
}

/** What others' chains make of what guests send. */
export function forwardWarnings(drops: readonly Drop[], bridge: string): Warning[] {
  return drops
    .filter(({ hook }) => hook === "forward")
    .map((drop) => {
      const chain = `chain ${drop.chain} of table ${drop.family} ${drop.table}`;
      if (drop.too_many_rules === true) {
        return {
          code: "forward_unknown",
          message: `${chain} has too many rules to read; they may drop what guests send`,
          hint: `If guests reach nothing outside: ${letting(drop, bridge)}`,
        };
      }
      if (drop.why === "unknown") {
        return {
          code: "forward_unknown",
          message: `there are rules of the older iptables (${chain}), which banger can't read; they may drop what guests send`,
          hint: `If guests reach nothing outside: ${byIptables("iptables-legacy", drop.chain, bridge)}`,
        };
      }
      const by = drop.why === "policy" ? "its policy" : "its last word";
      return {
        code: "forward_dropped",
        message: `${chain} drops what guests send (${by}), so they reach nothing outside`,
        hint: `To let them through: ${letting(drop, bridge)}`,
      };
    });
}

/** What others' chains make of what this host and guests say to each other. */
export function hostWarnings({ drops = [], cuts = [] }: Drops, bridge: string): Warning[] {
  // One that lets answers pass keeps guests from asking this host, which `withoutNames` tells where it matters.
  const unheard = drops.filter(({ hook, answers_pass }) => hook === "input" && answers_pass !== true);
  return [...cuts, ...unheard].map((drop) => {
    const { family, table, chain, hook } = drop;
    const by = drop.why === "policy" ? "its policy" : "a rule of it";
    const toGuest = hook === "output" || hook === "postrouting";
    const rule = `nft insert rule ${family} ${table} ${chain} ${toGuest ? "oifname" : "iifname"} ${bridge} accept`;
    return {
      code: "guests_cut_off",
      message: `chain ${chain} of table ${family} ${table} drops ${dropped[hook]} (${by})`,
      hint: `To let it through: \`${rule}\`, in the way that your firewall keeps; banger's own rules guard this host from guests.`,
    };
  });
}

const dropped: Readonly<Record<Drop["hook"] | Cut["hook"], string>> = {
  prerouting: "all that guests send, so they reach nothing, and `ssh` doesn't reach them",
  input: "what guests answer and ask this host, so `ssh` doesn't reach them and its name server doesn't hear them",
  forward: "what guests send",
  output: "what this host sends to guests, so `ssh` doesn't reach them",
  postrouting: "what is sent to guests, so nothing reaches them",
};

/** True where others' chains leave guests' questions to this host, and its answers, alone. */
export function namesPass({ drops = [], cuts = [] }: Drops): boolean {
  return (
    !drops.some(({ hook }) => hook === "input") &&
    cuts.every(({ hook, answers_pass }) => hook !== "prerouting" && answers_pass === true)
  );
}

/** How guests' DNS is led to the daemon. */
export interface Leading {
  readonly drops: readonly Drop[];
  readonly bridge: string;
  /** The port at which the daemon answers; undefined where it could not listen. */
  readonly asked: number | undefined;
  /** What the helper made of it; undefined from one that knows no such port. */
  readonly led: number | undefined;
}

/** That guests will find no name. */
export function withoutNames(lack: Lack, { drops, bridge, asked, led }: Leading): Warning {
  if (lack.of === "servers") return withoutServers(lack.unreadable);
  const [dropped] = drops.filter(({ hook }) => hook === "input");
  if (asked === undefined || led === undefined || dropped === undefined) return notLed(asked);
  const { family, table, chain } = dropped;
  const rule = (protocol: string) =>
    `nft insert rule ${family} ${table} ${chain} iifname ${bridge} ${protocol} dport ${led} accept`;
  return {
    code: "no_resolver",
    message: `guests have no name server: chain ${chain} of table ${family} ${table} drops what they ask this host`,
    hint: `To let it through: \`${rule("udp")}; ${rule("tcp")}\`, in the way that your firewall keeps; or put \`resolvers = "…"\` into the install file.`,
  };
}

function withoutServers(unreadable: string | undefined): Warning {
  const instead = '`resolvers = "…"` into the install file';
  if (unreadable !== undefined) {
    return {
      code: "no_resolver",
      message: `guests have no name server: this host's /etc/resolv.conf can't be read: ${unreadable}`,
      hint: `Make it readable to the daemon's user (running guests have it at once), or put ${instead}.`,
    };
  }
  return {
    code: "no_resolver",
    message: "guests have no name server: this host's /etc/resolv.conf names none that could be asked",
    hint: `Put a \`nameserver\` line there (running guests have it at once), or ${instead}.`,
  };
}

function notLed(asked: number | undefined): Warning {
  if (asked === undefined) {
    return {
      code: "no_resolver",
      message: "guests have no name server: the daemon can't listen on the bridge's address for what they ask",
      hint: 'The daemon\'s log says why; or put `resolvers = "…"` into the install file.',
    };
  }
  return {
    code: "no_resolver",
    message: "guests have no name server: the helper is older than the daemon and doesn't lead their DNS to it",
    hint: "Restart bangerd-root, then run `network up`; guests that are started then have one.",
  };
}

/** By what its owner offers where that is known: a rule that is put in by hand is gone when a firewall is loaded again. */
function letting({ family, table, chain, place }: Drop, bridge: string): string {
  if (place?.startsWith("ufw") === true) return `\`ufw route allow in on ${bridge}; ufw route allow out on ${bridge}\``;
  if (place !== undefined) return byIptables("iptables", place, bridge);
  if (table === "firewalld") {
    return `\`firewall-cmd --permanent --zone=trusted --add-interface=${bridge}; firewall-cmd --reload\``;
  }
  const rule = `nft insert rule ${family} ${table} ${chain}`;
  return `\`${rule} iifname ${bridge} accept; ${rule} oifname ${bridge} ct state established,related accept\``;
}

function byIptables(program: string, chain: string, bridge: string): string {
  const answers = `-o ${bridge} -m conntrack --ctstate ESTABLISHED,RELATED`;
  return `\`${program} -I ${chain} -i ${bridge} -j ACCEPT; ${program} -I ${chain} ${answers} -j ACCEPT\``;
}
