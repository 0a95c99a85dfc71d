import { daemonContract } from "../../rpc/contract/daemon.ts";
import type { Method } from "../../rpc/contract/method.ts";

const methods = new Map<string, Method>(Object.values<Method>(daemonContract).map((method) => [method.name, method]));

/** A method's result as the wire has it, without what only the daemon knows; undefined for what no method answers. */
export function publicResult(method: string, result: unknown): unknown {
  return methods.get(method)?.result.safeParse(result).data;
}
