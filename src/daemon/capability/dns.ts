import type { Logger } from "../../telemetry/log.ts";
import type { Layout } from "../../installation/layout.ts";
import type { Finding } from "../../rpc/contract/finding.ts";
import type { GuestNames } from "../network/names/guest-names.ts";
import type { HostRouting } from "../network/names/host-routing.ts";
import type { Capability } from "./capability.ts";

/** What names need of the daemon. */
export interface DnsDeps {
  readonly routing: Pick<HostRouting, "ensure" | "look">;
  readonly names: Pick<GuestNames, "listen">;
  readonly layout: Pick<Layout, "namesPort">;
  readonly log: Logger;
}

/**
 * A VM's name. It is in no list that would have to follow: the server looks into the records at each question, so a VM that starts,
 * is renamed, stops or is adopted has or loses its name by that alone. What a start sees to is that this host asks that server.
 */
export function dns({ routing, names, layout, log }: DnsDeps): Capability {
  let told: string | undefined;
  return {
    name: "dns",
    prepareHost: async (_, signal) => {
      const { lack } = await routing.ensure(signal);
      // A VM does without; `network up` tells each time.
      if (lack !== undefined && lack.message !== told) log.warn({ code: lack.code, hint: lack.hint }, lack.message);
      told = lack?.message;
    },
    cleanup: { none: "the host's routing is shared; `network down` takes it away" },
    doctorChecks: [
      {
        name: "dns.routing",
        run: async () => {
          const lack = routing.look();
          return lack === undefined ? [] : [{ ...lack, level: "warning" }];
        },
      },
      { name: "dns.port", run: async () => anotherPort(await names.listen(), layout.namesPort) },
    ],
  };
}

/** Guests and systemd-resolved are led to whichever it is; who was told the usual one by hand asks somebody else. */
function anotherPort(port: number | undefined, usual: number): Finding[] {
  if (port === undefined || port === usual) return [];
  const message = `port ${usual} of the bridge's address was taken: the daemon answers for VMs' names at port ${port}`;
  const hint = `Guests find names. Whoever else was led to port ${usual} by hand: end what has it (\`ss -lnp 'sport = :${usual}'\`), then restart bangerd.`;
  return [{ code: "names_port_taken", level: "warning", message, hint }];
}
