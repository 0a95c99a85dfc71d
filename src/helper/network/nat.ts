import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import type { helperContract } from "../../rpc/contract/helper.ts";
import type { ResultOf } from "../../rpc/contract/method.ts";
import type { HelperDeps } from "../deps.ts";
import type { Chain } from "../netlink/nf-tables.ts";
import { ipv4Bytes, macBytes } from "./address.ts";
import { findDroppers } from "./droppers.ts";
import { findForwarder } from "./forwarders.ts";
import { inKernel } from "./in-kernel.ts";
import { guests, isolated, policyChains } from "./policy.ts";
import { mustHaveNoTaps } from "./port.ts";

/** Whether the kernel passes packets from link to link. */
export const forwarding = "/proc/sys/net/ipv4/ip_forward";

/** Puts the table in place unless it is there with this very policy, and forwarding on. */
export async function ensureNat(
  deps: HelperDeps,
  dnsPort?: number,
): Promise<ResultOf<typeof helperContract.natEnsure>> {
  const { facts, layout, nft, spans } = deps;
  const chains = policyChains(deps, dnsPort);
  const mark = policyMark(chains);
  const on = { table: layout.table };
  if (!(await inKernel(spans, "rules find", on, () => isInPlace(deps, chains)))) {
    const taps = facts.vms().flatMap(({ tap }) => (tap === undefined ? [] : [tap]));
    await inKernel(spans, "rules put", on, () =>
      nft.replaceTable({
        name: layout.table,
        comment: layout.alias(),
        sets: [
          { name: guests, elements: taps.map(pinKey) },
          { name: isolated, elements: taps.filter((tap) => tap.isolated === true).map(pinKey) },
        ],
        chains: [{ name: mark, rules: [] }, ...chains],
      }),
    );
  }
  const now = readFileSync(forwarding, "utf8").trim() === "1" ? "1" : "0";
  if (facts.network.ip_forward_was === undefined) facts.putNetwork({ ...facts.network, ip_forward_was: now });
  if (now === "0") await inKernel(spans, "forwarding on", { file: forwarding }, () => writeFileSync(forwarding, "1"));
  const found = await findDroppers(deps);
  return {
    table: layout.table,
    ...found,
    ...(dnsPort === undefined ? {} : { dns_port: dnsPort }),
  };
}

/** True where the table holds this very policy: its mark, and no rule more or less, as somebody may have flushed them. */
export function isInPlace({ layout, nft }: Pick<HelperDeps, "layout" | "nft">, chains: readonly Chain[]): boolean {
  const rules = chains.reduce((sum, chain) => sum + chain.rules.length, 0);
  return nft.hasChain(layout.table, policyMark(chains)) && nft.ruleCount(layout.table) === rules;
}

/** The name of an empty chain, for the policy's digest. */
function policyMark(chains: readonly Chain[]): string {
  return `policy_${createHash("sha256").update(JSON.stringify(chains)).digest("hex").slice(0, 12)}`;
}

/** Removes the table, unless a VM has a tap, and puts forwarding back, unless others have come to need it. */
export async function removeNat(deps: HelperDeps): Promise<ResultOf<typeof helperContract.natRemove>> {
  const { facts, layout, nft, spans } = deps;
  mustHaveNoTaps(deps);
  const removed = await inKernel(spans, "rules remove", { table: layout.table }, () => nft.removeTable(layout.table));
  const { ip_forward_was: was, ...rest } = facts.network;
  const forwarder = was === "0" ? await findForwarder(deps) : undefined;
  if (was === "0" && forwarder === undefined)
    await inKernel(spans, "forwarding off", { file: forwarding }, () => writeFileSync(forwarding, was));
  facts.putNetwork(rest);
  return { removed, ...(forwarder === undefined ? {} : { forwarding_left_for: forwarder }) };
}

/** The pin of a guest's MAC to its address, as the set has it: each part is padded to four bytes. */
export function pinKey({ mac, address }: { mac: string; address: string }): Buffer {
  return Buffer.concat([macBytes(mac), Buffer.alloc(2), ipv4Bytes(address)]);
}
