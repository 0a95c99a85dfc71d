import { BangerError } from "../../rpc/contract/errors.ts";
import type { OperationStatus, OperationSummary } from "../../rpc/contract/operation.ts";
import type { PeerCredentials } from "../../rpc/peer-credentials.ts";
import type { Logger } from "../../telemetry/log.ts";
import type { OpId } from "../../telemetry/op-id.ts";
import type { SpanRecord } from "../../telemetry/span-record.ts";
import type { Spans } from "../../telemetry/spans.ts";
import { methodOf } from "./identity.ts";
import { Operation } from "./operation.ts";
import type { OperationRecords, StoredOperation } from "./operation-records.ts";
import { statusOf, storedStatusOf, storedSummaryOf, summaryOf } from "./operation-status.ts";
import type { Operations, Request } from "./operations.ts";
import { eventsOf } from "./steps.ts";

/** What asking about operations needs. */
export interface OperationAccessDeps {
  readonly operations: Operations;
  readonly records: OperationRecords;
  readonly traces: { readonly show: (reference: string) => { readonly spans: readonly SpanRecord[] } };
  readonly spans: Pick<Spans, "nowNs">;
  /** A VM's name, while there is one of this id. */
  readonly nameOf: (vmId: string) => string | undefined;
  readonly log: Logger;
}

/** Who asks about which operation. */
interface Asked {
  /** An op_id, a prefix of its digits, or `last`. */
  readonly op_id: string;
  /** The method that it must be of. */
  readonly method?: string;
}

/** Operations as those see them who are not there all the time: begun, asked about, followed, cancelled. */
export class OperationAccess {
  readonly #deps: OperationAccessDeps;

  constructor(deps: OperationAccessDeps) {
    this.#deps = deps;
  }

  /** Does `work` for a request that doesn't stay: resolves with the operation as soon as there is one, or fails as `work` does before. */
  async begin(request: Request, work: (request: Request) => Promise<unknown>): Promise<OperationStatus> {
    const begun = Promise.withResolvers<void>();
    const staying = new AbortController().signal;
    const done = work({ ...request, signal: staying, emit: async () => undefined, begun: begun.resolve });
    // The operation has its own outcome, for whoever asks about it.
    done.catch(() => undefined);
    await Promise.race([begun.promise, done]);
    return this.status({ op_id: request.opId }, request.peer);
  }

  list(limit: number): OperationSummary[] {
    const here = new Map<OpId, Operation>(this.#deps.operations.known().map((known) => [known.opId, known]));
    const rows = this.#deps.records.list(limit);
    return rows.map((row) => {
      const known = here.get(row.opId);
      const summary = known === undefined ? storedSummaryOf(row) : summaryOf(known, this.#deps.spans.nowNs());
      return { ...summary, ...this.#about(row) };
    });
  }

  status(asked: Asked, peer: PeerCredentials | undefined): OperationStatus {
    return this.#statusOf(this.#find(asked, peer));
  }

  /** Tells a request the events of an operation from number `from` on, until it has ended. The operation never waits for that. */
  async wait(
    { from, ...asked }: Asked & { readonly from: number },
    { peer, signal, emit }: Pick<Request, "peer" | "signal" | "emit">,
  ): Promise<OperationStatus> {
    const found = this.#find(asked, peer);
    if (found instanceof Operation) {
      for await (const { event, data, number } of found.events.follow(from, signal)) {
        await emit(event, { ...(data as object | undefined), number });
      }
      return this.#statusOf(found);
    }
    const status = this.#statusOf(found);
    const events = eventsOf(status.steps);
    for (let number = from; number < events.length; number++) {
      const { event, data } = events[number] ?? { event: "" };
      await emit(event, { ...(data as object), number });
    }
    return status;
  }

  /** Cancels an operation: what was begun is undone then, and its outcome told to whoever waits. One that was cancelled stays so. */
  cancel(asked: Asked, peer: PeerCredentials | undefined): OperationStatus {
    const found = this.#find(asked, peer);
    const status = this.#statusOf(found);
    if (status.state === "cancelled") return status;
    if (!(found instanceof Operation) || found.ended !== undefined) {
      throw new BangerError("wrong_state", `op_id: ${status.op_id} has ended: it is ${status.state}`, {
        details: { hint: `\`banger operation show ${status.op_id}\` shows what came of it.` },
      });
    }
    if (found.caller === undefined) {
      throw new BangerError("wrong_state", `op_id: ${status.op_id} is the daemon's own, which it has to do`);
    }
    this.#deps.log.info({ op_id: found.opId, operation: found.method, peer }, "operation is cancelled");
    found.cancel(new BangerError("cancelled", "it was cancelled by `operation cancel`"));
    return this.#statusOf(found);
  }

  #statusOf(found: Operation | StoredOperation): OperationStatus {
    if (found instanceof Operation) {
      return { ...statusOf(found, this.#deps.spans.nowNs()), ...this.#about(found) };
    }
    return { ...storedStatusOf(found, this.#deps.traces.show(found.opId).spans), ...this.#about(found) };
  }

  #about({ subject }: Pick<StoredOperation | Operation, "subject">): Pick<OperationSummary, "vm"> {
    return typeof subject === "string" ? { vm: this.#deps.nameOf(subject) ?? subject } : {};
  }

  #find({ op_id: reference, method }: Asked, peer: PeerCredentials | undefined): Operation | StoredOperation {
    const found = reference === "last" ? this.#lastOf(peer?.uid) : this.#named(reference);
    if (found === undefined) {
      throw new BangerError("not_found", `op_id: no operation ${JSON.stringify(reference)} is remembered`, {
        details: { hint: "`banger operation ls` shows those that changed something; others have only a trace." },
      });
    }
    const is = found instanceof Operation ? found.method : methodOf(found);
    if (method !== undefined && method !== is) {
      throw new BangerError("not_found", `op_id: ${found.opId} is a ${is}, not a ${method}`);
    }
    return found;
  }

  /** A row may be missing, where the disk was full; an operation that runs is known without. */
  #named(reference: string): Operation | StoredOperation | undefined {
    const digits = reference.replace(/^op-/, "");
    const here = this.#deps.operations.known().filter(({ opId }) => opId.startsWith(`op-${digits}`));
    const hereIds = new Set(here.map(({ opId }) => opId));
    const rows = this.#deps.records.beginningWith(digits).filter(({ opId }) => !hereIds.has(opId));
    if (here.length + rows.length > 1) {
      throw new BangerError("ambiguous", `op_id: more than one begins with ${JSON.stringify(reference)}`);
    }
    return here[0] ?? rows[0];
  }

  #lastOf(uid: number | undefined): Operation | StoredOperation | undefined {
    if (uid === undefined) return undefined;
    const { operations, records, spans } = this.#deps;
    const here = operations.known().findLast(({ caller }) => caller?.uid === uid);
    const row = records.lastOf(uid);
    if (here === undefined || row === undefined) return here ?? row;
    // By the order in which they came, as far as that is known: a clock may be set back.
    const isLater = !operations.knows(row.opId) && row.startedNs > here.startedNs && row.startedNs <= spans.nowNs();
    return isLater ? row : here;
  }
}
