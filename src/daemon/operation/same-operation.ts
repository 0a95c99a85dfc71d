import { BangerError, isErrorCode } from "../../rpc/contract/errors.ts";
import type { OpId } from "../../telemetry/op-id.ts";
import { methodOf } from "./identity.ts";
import { Operation } from "./operation.ts";
import type { StoredOperation } from "./operation-records.ts";

/** What a request asks for. */
interface Wanted {
  readonly opId: OpId;
  readonly method: string;
  readonly asked: object | undefined;
  readonly identity: string | undefined;
}

/**
 * Whether a request under the op_id of an operation is that same one, sent again, or a new one: what a command asks for after
 * another thing, or what one request does several times. Throws `op_id_reused` where it asks for the same with other parameters,
 * or for something else before that has ended.
 */
export function comparedWith(known: Operation | StoredOperation, wanted: Wanted): "same" | "new" {
  const isHere = known instanceof Operation;
  const underWay = isHere && known.ended === undefined;
  const method = isHere ? known.method : methodOf(known);
  const itself = isHere && known.asked === wanted.asked;
  if (known.identity !== null && known.identity === wanted.identity && !itself) return "same";
  if (underWay && (itself || wanted.identity === undefined)) {
    throw new BangerError("busy", `operation ${wanted.opId} is under way already`);
  }
  const comparable = wanted.identity !== undefined && known.identity?.includes(" ") === true && !itself;
  if (!underWay && (!comparable || method !== wanted.method)) return "new";
  throw new BangerError("op_id_reused", `op_id: ${wanted.opId} is a ${method}${difference(method, wanted.method)}`);
}

function difference(known: string, wanted: string): string {
  return known === wanted ? " with other parameters" : `, not a ${wanted}`;
}

/** What an operation of an earlier daemon came to: its result, or the error that it failed with. */
export function outcomeOf<T>({ opId, outcome, reason, found, kept }: StoredOperation): T {
  if (outcome === "ok" && "result" in kept) return kept.result as T;
  if (kept.error !== undefined) {
    const { code, message, details } = kept.error;
    throw new BangerError(isErrorCode(code) ? code : "internal", message, {
      opId,
      ...(details === undefined ? {} : { details }),
    });
  }
  const was = found === null || found === undefined ? "" : `; it was found ${found.replace("_", " ")}`;
  throw new BangerError("disconnected", `${reason ?? "what it came to is not remembered"}${was}`, {
    opId,
    details: { hint: "The noun's `show` says what there is; a second try is an operation of its own." },
  });
}
