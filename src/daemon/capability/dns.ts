import type { Logger } from "../../telemetry/log.ts";
import type { HostRouting } from "../network/names/host-routing.ts";
import type { Capability } from "./capability.ts";

/**
 * A VM's name. It is in no list that would have to follow: the server looks into the records at each question, so a VM that starts,
 * is renamed, stops or is adopted has or loses its name by that alone. What a start sees to is that this host asks that server.
 */
export function dns({
  routing,
  log,
}: {
  readonly routing: Pick<HostRouting, "ensure" | "lack">;
  readonly log: Logger;
}): Capability {
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
        run: async () => (routing.lack === undefined ? [] : [{ ...routing.lack, level: "warning" }]),
      },
    ],
  };
}
