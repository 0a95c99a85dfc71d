import { expect, it } from "vitest";
import type { Lack } from "../../../src/daemon/network/names/guest-names.ts";
import { type Leading, withoutNames } from "../../../src/daemon/network/warnings.ts";

const drop = { family: "ip", table: "f", chain: "c", hook: "input", why: "policy" } as const;
const led: Leading = { drops: [], bridge: "br", asked: 10_053, led: 10_053 };

it.each<[string, Lack, Partial<Leading>, RegExp, RegExp]>([
  ["the host names none", { of: "servers" }, {}, /resolv\.conf names none/, /nameserver/],
  [
    "the host's file can't be read",
    { of: "servers", unreadable: "permission denied" },
    {},
    /resolv\.conf can't be read: permission denied$/,
    /readable to the daemon's user/,
  ],
  [
    "a chain drops what they ask",
    { of: "way" },
    { drops: [drop] },
    /chain c of table ip f drops/,
    /dport 10053 accept/,
  ],
  ["the helper is older", { of: "way" }, { led: undefined }, /helper is older than the daemon/, /Restart bangerd-root/],
  ["the daemon doesn't listen", { of: "way" }, { asked: undefined, led: undefined }, /can't listen/, /log says why/],
])("says that guests have no name server as %s", (_, lack, leading, message, hint) => {
  expect(withoutNames(lack, { ...led, ...leading })).toEqual({
    code: "no_resolver",
    message: expect.stringMatching(message) as string,
    hint: expect.stringMatching(hint) as string,
  });
});
