import type { Layout } from "../../installation/layout.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { guestContract } from "../../rpc/contract/guest.ts";
import type { ParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { RequestContext } from "../../rpc/dispatch.ts";
import type { TerminalSize } from "../../rpc/frame.ts";
import { attribute } from "../../telemetry/names.ts";
import { NotEnded } from "../guest/agent-exec.ts";
import type { Request } from "../operation/operations.ts";
import { ConsoleInput } from "../vmm/console-input.ts";
import { ConsoleLog } from "../vmm/console-log.ts";
import { guestCopyOf } from "./guest-copy.ts";
import { type GuestSshDeps, reachBySsh } from "./guest-ssh.ts";
import { activeStates } from "./state.ts";
import { tellOfStandstill } from "./standstill.ts";
import type { StoredVm, VmRecords } from "./vm-records.ts";

/** What reaching into guests needs. */
export interface GuestAccessDeps extends GuestSshDeps {
  readonly layout: Layout;
  readonly records: VmRecords;
}

/** How long a command waits for an agent that was just connected to. */
const attachDeadlineMs = 15_000;

type Params<M extends keyof typeof guestContract> = ParamsOf<(typeof guestContract)[M]>;

/** What a request to a VM knows of its caller. */
export type VmRequest = Request & Pick<RequestContext, "input" | "takeSignals">;

/** What reaches into the guest of a VM that runs: it changes nothing of the VM itself, and takes no lock. */
export class GuestAccess {
  readonly #deps: GuestAccessDeps;

  constructor(deps: GuestAccessDeps) {
    this.#deps = deps;
  }

  /** Runs a command in the guest; its output goes out as events, as fast as the caller takes them. */
  async exec(
    params: Params<"vmExec">,
    { signal, emit, input, takeSignals }: VmRequest,
  ): Promise<ResultOf<(typeof guestContract)["vmExec"]>> {
    const { running } = this.#deps;
    const vm = await this.#found(params.vm, signal);
    const agent = running.agentOf(vm);
    using _ = this.#deps.uses.hold(vm.id);
    // One that was just connected to, by a daemon that came back, has a moment to answer.
    if (agent.state === "attaching") await agent.ready(signal, attachDeadlineMs);
    const send = (event: string) => (bytes: Uint8Array) => emit(event, Buffer.from(bytes).toString("base64"));
    const command = agent.exec({
      argv: params.argv,
      env: params.env,
      ...(params.cwd === undefined ? {} : { cwd: params.cwd }),
      ...(params.user === undefined ? {} : { user: params.user }),
      ...(params.tty === true ? { terminal: sizeOf(params.size ?? "80x24") } : {}),
      ...(params.stdin ? { stdin: input } : {}),
      onStdout: send("stdout"),
      onStderr: send("stderr"),
      signal,
      ...(takeSignals === undefined ? {} : { takeSignals }),
    });
    const over = new AbortController();
    const tell = (text: string) => void emit("progress", { text }).catch(() => undefined);
    void tellOfStandstill({ running, vm, tell, signal: over.signal });
    const end = await command
      .catch((error: unknown) => {
        if (error instanceof NotEnded) throw this.#notEnded(vm, error);
        throw error instanceof BangerError && error.code === "cancelled" ? endedNotUndone(error) : error;
      })
      .finally(() => over.abort());
    return {
      exit_code: end.exitCode,
      signal: end.signal,
      ...(end.outOfMemory === true ? { out_of_memory: true } : {}),
    };
  }

  /** Why the guest hasn't ended a command: where it stands still, or isn't there any more, that. */
  #notEnded({ id }: StoredVm, error: NotEnded): BangerError {
    try {
      this.#deps.running.agentOf(this.#deps.records.must(id));
      return error;
    } catch (cause) {
      if (!(cause instanceof BangerError)) throw cause;
      const { code, plain, details } = cause;
      return new BangerError(code, `the guest has not ended the command: ${plain}`, {
        cause,
        ...(details === undefined ? {} : { details }),
      });
    }
  }

  /** Copies between the caller and the guest: the caller sends an archive, or gets one. */
  copy(
    { source, destination, user }: Params<"vmCopy">,
    request: VmRequest,
  ): Promise<ResultOf<(typeof guestContract)["vmCopy"]>> {
    const command = guestCopyOf(source, destination);
    const params = { ...command, argv: [...command.argv], env: ["LC_ALL=C"], ...(user === undefined ? {} : { user }) };
    return this.exec(params, request);
  }

  /** Sends the serial console's log; with `follow` it goes on until the caller leaves or the VM ends. */
  async logs({ vm: reference, follow }: Params<"vmLogs">, { signal, emit }: VmRequest): Promise<{ bytes: number }> {
    const vm = this.#deps.records.use(reference);
    using _ = follow ? this.#deps.uses.hold(vm.id) : undefined;
    const console = new ConsoleLog(this.#deps.layout.vm(vm.id).consoleLog);
    const isOver = ({ generation, state }: StoredVm) => generation !== vm.generation || !activeStates.has(state);
    const ended = follow ? this.#deps.records.until(vm.id, isOver, signal) : Promise.resolve();
    let bytes = 0;
    for await (const chunk of console.read({ follow: follow && activeStates.has(vm.state), signal, ended })) {
      signal.throwIfAborted();
      bytes += chunk.length;
      await emit("data", chunk.toString("base64"));
    }
    return { bytes };
  }

  /** Attaches to the serial console until the caller leaves or the VM ends; any number may, and all may type. */
  async console(
    { vm: reference, lines, read_only: readOnly }: Params<"vmConsole">,
    { signal, emit, input }: VmRequest,
  ): Promise<{ bytes: number }> {
    const { layout, records } = this.#deps;
    const vm = records.use(reference);
    if (!activeStates.has(vm.state)) {
      const hint = "`banger vm logs` shows what it printed when it ran.";
      throw new BangerError("wrong_state", `${vm.name} is ${vm.state}`, { details: { hint } });
    }
    using _ = this.#deps.uses.hold(vm.id);
    using keyboard = readOnly ? undefined : new ConsoleInput(layout.consoleInput(vm.id));
    // It fails with nothing but the request itself, or the VMM, and ends with either.
    void typeAll(input, keyboard);
    const log = new ConsoleLog(layout.vm(vm.id).consoleLog);
    const isOver = ({ generation, state }: StoredVm) => generation !== vm.generation || !activeStates.has(state);
    const ended = records.until(vm.id, isOver, signal);
    let bytes = 0;
    for await (const chunk of log.read({ follow: true, lastLines: lines, signal, ended })) {
      signal.throwIfAborted();
      bytes += chunk.length;
      await emit("data", chunk.toString("base64"));
    }
    signal.throwIfAborted();
    return { bytes };
  }

  /** Says how the guest is reached by ssh, once its server greets. */
  async ssh(
    { vm: reference, ...asked }: Params<"vmSsh">,
    request: VmRequest,
  ): Promise<ResultOf<(typeof guestContract)["vmSsh"]>> {
    const vm = await this.#deps.spans.span("find vm", {}, async (span) => {
      const found = await this.#found(reference, request.signal);
      span.setAttribute(attribute.vmId, found.id);
      span.setAttribute(attribute.vmName, found.name);
      return found;
    });
    return reachBySsh(this.#deps, vm, asked, request);
  }

  /** A VM by what it is called, once a daemon that has just begun knows whether it can be reached. */
  async #found(reference: string, signal: AbortSignal): Promise<StoredVm> {
    const { records, running } = this.#deps;
    await running.found(records.named(reference), signal);
    return records.use(reference);
  }
}

/** Types what comes. */
async function typeAll(input: AsyncIterable<Uint8Array>, keyboard: ConsoleInput | undefined): Promise<void> {
  for await (const bytes of input) await keyboard?.type(bytes);
}

/** `80x24`, as the declaration has it. */
function sizeOf(text: string): TerminalSize {
  const [columns = 0, rows = 0] = text.split("x").map(Number);
  return { columns, rows };
}

/** A command that was cancelled: its processes are ended, what they did stays done. */
function endedNotUndone({ plain }: BangerError): BangerError {
  return new BangerError("cancelled", `${plain}; the command was ended`, {
    details: { hint: "What it did until then stays done." },
  });
}
