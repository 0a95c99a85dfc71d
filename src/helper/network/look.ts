import { existsSync, readFileSync } from "node:fs";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { HelperDeps } from "../deps.ts";
import { isComplete } from "./bridge.ts";
import { leadsElsewhere, mustBeFree, shadowedRoutes } from "./collisions.ts";
import { findDroppers } from "./droppers.ts";
import { mustBeOurs } from "./link.ts";
import { forwarding, isInPlace } from "./nat.ts";
import { detachedTaps } from "./port.ts";
import { policyChains } from "./policy.ts";

type LookedAt = NonNullable<ResultOf<typeof helperContract.hostLook>["network"]>;

/** What is looked at. */
interface LookOptions {
  readonly dnsPort: number | undefined;
  /** Whether others drop what guests send, too. */
  readonly drops: boolean;
}

/** How the network that VMs share stands, and what others have in its place; it changes nothing. */
export async function lookAtNetwork(deps: HelperDeps, { dnsPort, drops }: LookOptions): Promise<LookedAt> {
  const { layout, links } = deps;
  const link = links.find(layout.bridge);
  const found = drops ? await findDroppers(deps) : {};
  return {
    bridge: bridgeState(deps),
    detached: link === undefined ? [] : detachedTaps(deps, link),
    name: layout.bridge,
    rules: rulesState(deps, dnsPort),
    forwarding: existsSync(forwarding) && readFileSync(forwarding, "utf8").trim() === "1",
    ...(link === undefined ? inUse(deps) : {}),
    ...(link === undefined ? {} : elsewhere(leadsElsewhere(deps, link))),
    shadows: shadowedRoutes(deps),
    ...found,
  };
}

function rulesState(deps: HelperDeps, dnsPort: number | undefined): LookedAt["rules"] {
  if (isInPlace(deps, policyChains(deps, dnsPort))) return "current";
  return deps.nft.ruleCount(deps.layout.table) > 0 ? "other" : "absent";
}

function bridgeState(deps: HelperDeps): LookedAt["bridge"] {
  const { facts, layout, links } = deps;
  const link = links.find(layout.bridge);
  if (link === undefined) return "absent";
  try {
    mustBeOurs(link, layout.alias(), facts.network.bridge === true);
  } catch (error) {
    if (error instanceof BangerError) return "foreign";
    throw error;
  }
  return isComplete(deps, link) ? "complete" : "incomplete";
}

/** Who has the subnet that the bridge would get. */
function inUse(deps: HelperDeps): Pick<LookedAt, "in_use"> {
  try {
    mustBeFree(deps);
    return {};
  } catch (error) {
    if (error instanceof BangerError) return { in_use: error.plain };
    throw error;
  }
}

function elsewhere(to: string | undefined): Pick<LookedAt, "leads_elsewhere"> {
  return to === undefined ? {} : { leads_elsewhere: to };
}
