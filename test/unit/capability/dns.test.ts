import { expect, it } from "vitest";
import { dns } from "../../../src/daemon/capability/dns.ts";
import { createLogger } from "../../../src/telemetry/log.ts";

it.each<[string, number | undefined, string[]]>([
  ["is the usual one", 10_053, []],
  ["isn't there, as the bridge isn't", undefined, []],
  ["is another, as that was taken", 40_000, ["names_port_taken"]],
])("the doctor's check of the port for names, where it %s", async (_, port, codes) => {
  const { doctorChecks = [] } = dns({
    routing: { ensure: () => Promise.reject(new Error("nobody starts")), look: () => undefined },
    names: { listen: async () => port },
    layout: { namesPort: 10_053 },
    log: createLogger("test", { write: () => undefined }),
  });
  const findings = await Promise.all(doctorChecks.map(({ run }) => run(new AbortController().signal)));
  expect(findings.flat().map(({ code }) => code)).toEqual(codes);
});
