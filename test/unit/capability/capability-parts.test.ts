import { expect, it } from "vitest";
import type { Capability } from "../../../src/daemon/capability/capability.ts";
import { preparedParts, startedParts } from "../../../src/daemon/capability/capability-parts.ts";

const act = async () => undefined;
const nothing = { none: "nothing is made" };

it.each<[string, Capability, Record<"prepared" | "started", [string, boolean][]>]>([
  [
    "prepares and starts is released once, when what it prepared is",
    { name: "a", prepareHost: act, postStart: act, cleanup: act },
    { prepared: [["prepare_a", true]], started: [["post_start_a", false]] },
  ],
  ["only prepares", { name: "b", prepareHost: act, cleanup: act }, { prepared: [["prepare_b", true]], started: [] }],
  ["only starts", { name: "c", postStart: act, cleanup: act }, { prepared: [], started: [["post_start_c", true]] }],
  ["makes nothing", { name: "d", doctorChecks: [], cleanup: nothing }, { prepared: [], started: [] }],
])("a capability that %s", (_, capability, expected) => {
  const shown = (parts: ReturnType<typeof preparedParts>) =>
    parts.map(({ name, release }) => [name, typeof release === "function"]);
  expect({ prepared: shown(preparedParts([capability])), started: shown(startedParts([capability])) }).toEqual(
    expected,
  );
});
