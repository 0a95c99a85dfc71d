import { BangerError } from "../../rpc/contract/errors.ts";
import type { Vm } from "../../rpc/contract/vm.ts";

/** The labels that were given as `KEY=VALUE`; refuses a key that is given two values. */
export function labelsOf(given: readonly string[]): Record<string, string> {
  const labels: Record<string, string> = {};
  for (const text of given) {
    const [key, value] = cut(text);
    if (Object.hasOwn(labels, key) && labels[key] !== value) {
      throw new BangerError("bad_params", `label: ${key} is given two values`, { details: { field: "label" } });
    }
    labels[key] = value ?? "";
  }
  return labels;
}

/** Labels with some written on, and then some taken off. */
export function relabelled(
  labels: Readonly<Record<string, string>>,
  { label, unlabel }: { readonly label: readonly string[]; readonly unlabel: readonly string[] },
): Record<string, string> {
  const written = Object.entries({ ...labels, ...labelsOf(label) });
  return Object.fromEntries(written.filter(([key]) => !unlabel.includes(key)));
}

/** Which VMs are asked for. */
export interface VmFilter {
  /** `KEY` or `KEY=VALUE`; a VM has to have them all. */
  readonly label?: readonly string[];
  /** A VM has to be in one of them; in any when there is none. */
  readonly state?: readonly Vm["state"][];
}

/** True for a VM that is asked for. */
export function isAskedFor({ labels = {}, state }: Pick<Vm, "labels" | "state">, filter: VmFilter): boolean {
  const { label = [], state: states = [] } = filter;
  if (states.length > 0 && !states.includes(state)) return false;
  return label
    .map(cut)
    .every(([key, value]) => Object.hasOwn(labels, key) && (value === undefined || labels[key] === value));
}

function cut(text: string): [key: string, value: string | undefined] {
  const at = text.indexOf("=");
  return at === -1 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}
