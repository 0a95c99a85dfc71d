import { BangerError } from "../../../rpc/contract/errors.ts";
import type { ParamsOf, ResultOf } from "../../../rpc/contract/method.ts";
import type { systemContract } from "../../../rpc/contract/system.ts";
import type { Spans } from "../../../telemetry/spans.ts";
import { isNotReleased } from "../state.ts";
import { act, type ActDeps, type Outcome } from "./act.ts";
import { type Look, look, type LookDeps } from "./look.ts";
import { type Planned, type PlanOptions, planReconcile } from "./plan.ts";

/** What reconciling needs. */
export type ReconcileDeps = ActDeps & LookDeps & { readonly spans: Pick<Spans, "nowNs" | "operation"> };

type OnDemand = ParamsOf<typeof systemContract.systemReconcile>;
type Reconciled = ResultOf<typeof systemContract.systemReconcile>;

/** One thing that isn't as it should be, and what came of it; in a plan alone neither. */
interface Done extends Planned {
  readonly outcome?: Outcome;
  readonly error?: string;
}

/** What could not be reconciled is tried again after this. */
const againMs = 10_000;

/** Compares records with what the host holds, and makes both true: when a daemon starts, when the helper is back, and on demand. */
export class Reconciler {
  readonly #deps: ReconcileDeps;
  /** One at a time: two would be in each other's way. */
  #last: Promise<unknown> = Promise.resolve();
  #again: NodeJS.Timeout | undefined;

  constructor(deps: ReconcileDeps) {
    this.#deps = deps;
  }

  /** Makes records true; what failed is tried again later, until nothing does. */
  async keepTrue(): Promise<void> {
    const looking = this.#deps.spans.operation("daemon.reconcile", {}, () => this.#isTrueNow());
    if (!(await looking.catch((error: unknown) => this.#couldNotLook(error)))) this.#tryAgain();
  }

  /** Also when the helper comes back all is compared: that this fails too makes no second try of the one that waits. */
  #tryAgain(): void {
    const { closing } = this.#deps;
    clearTimeout(this.#again);
    this.#again = setTimeout(() => void (closing.aborted || this.keepTrue()), againMs).unref();
  }

  #couldNotLook(error: unknown): false {
    this.#deps.log.error({ err: error }, "records could not be compared with the host; it is tried again");
    return false;
  }

  /** What isn't as it should be, and what would be done about it; changes nothing, and waits for nobody who does. */
  async plan(options?: PlanOptions): Promise<Planned[]> {
    return planReconcile((await look(this.#deps)).seen, options);
  }

  /** What isn't as it should be, and unless it is a dry run what came of it. */
  async onDemand({ dry_run: dryRun, remove_unowned: removeUnowned }: OnDemand): Promise<Reconciled> {
    const options = { removeUnowned };
    const all: readonly Done[] = dryRun ? await this.plan(options) : (await this.#makeTrue(options)).done;
    return { items: all.map(itemOf) };
  }

  /** Makes records true; false when something failed or changed meanwhile. */
  async #isTrueNow(): Promise<boolean> {
    const { changed, seen, done } = await this.#makeTrue();
    void this.#lookAgainWhenFree(seen.busy);
    const failed = done.filter(({ error }) => error !== undefined).length;
    this.#deps.log.info({ vms: seen.alive.length, failed }, "reconcile completed");
    return failed === 0 && !changed;
  }

  /** What was under way with a VM when it was looked at may have met a helper that was away, and left it half released. */
  async #lookAgainWhenFree(busy: ReadonlySet<string>): Promise<void> {
    const { locks, records, closing } = this.#deps;
    const held = [...busy].filter((id) => locks.isHeld(id));
    const isLeft = async (id: string) => {
      await locks.whenFree(id);
      const vm = records.get(id);
      return vm !== undefined && isNotReleased(vm);
    };
    if ((await Promise.all(held.map(isLeft))).includes(true) && !closing.aborted) await this.keepTrue();
  }

  #makeTrue(options?: PlanOptions): Promise<Look & { done: Done[] }> {
    return this.#alone(async () => {
      const looked = await look(this.#deps);
      return {
        ...looked,
        done: await Promise.all(planReconcile(looked.seen, options).map((planned) => this.#carryOut(planned))),
      };
    });
  }

  /** One that fails stops no other. */
  async #carryOut(planned: Planned): Promise<Done> {
    const { log, records } = this.#deps;
    const { action, vm } = planned;
    const fields = vm === undefined ? { path: planned.path } : { "banger.vm.id": vm.id };
    const before = vm === undefined ? undefined : records.get(vm.id)?.state;
    try {
      const outcome = await act(this.#deps, planned);
      if (action !== "remove") log.info({ ...fields, before, outcome }, "reconciled");
      else
        log.info(
          { ...fields, found: planned.found },
          `removed what ${vm === undefined ? "was half made" : "no VM owns"}`,
        );
      return { ...planned, outcome };
    } catch (error) {
      log.error(
        { ...fields, err: error },
        `${vm === undefined ? "what was half made" : "a VM"} could not be reconciled`,
      );
      return { ...planned, error: textOf(error) };
    }
  }

  #alone<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#last.then(work);
    this.#last = mine.catch(() => undefined);
    return mine;
  }
}

/** As the wire has it. */
function itemOf({ vm, path, found, action, why, unowned, outcome, error }: Done): Reconciled["items"][number] {
  return {
    ...(vm === undefined ? {} : { vm_id: vm.id }),
    ...(vm?.name === undefined ? {} : { name: vm.name }),
    ...(path === undefined ? {} : { path }),
    found: [...found],
    action,
    why,
    ...(unowned === undefined ? {} : { unowned }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(error === undefined ? {} : { error }),
  };
}

function textOf(error: unknown): string {
  if (error instanceof BangerError) return error.plain;
  return error instanceof Error ? error.message : String(error);
}
