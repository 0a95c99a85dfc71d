import type { Layout } from "../../installation/layout.ts";
import { BangerError } from "../../rpc/contract/errors.ts";
import type { guestContract } from "../../rpc/contract/guest.ts";
import type { ParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import type { RequestContext } from "../../rpc/dispatch.ts";
import type { TerminalSize } from "../../rpc/frame.ts";
import type { HostNetwork } from "../network/host-network.ts";
import type { Request } from "../operation/operations.ts";
import { awaitSsh } from "../ssh/await-ssh.ts";
import { hostKeyAlias } from "../ssh/ssh-keys.ts";
import { ConsoleInput } from "../vmm/console-input.ts";
import { ConsoleLog } from "../vmm/console-log.ts";
import { guestCopyOf } from "./guest-copy.ts";
import type { RunningVms } from "./running.ts";
import { activeStates } from "./state.ts";
import type { StoredVm, VmRecords } from "./vm-records.ts";

/** What reaching into guests needs. */
export interface GuestAccessDeps {
  readonly layout: Layout;
  readonly records: VmRecords;
  readonly running: RunningVms;
  readonly network: Pick<HostNetwork, "inTheWay">;
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
    const agent = this.#deps.running.agentOf(this.#deps.records.use(params.vm));
    // One that was just connected to, by a daemon that came back, has a moment to answer.
    if (agent.state === "attaching") await agent.ready(signal, attachDeadlineMs);
    const send = (event: string) => (bytes: Uint8Array) => emit(event, Buffer.from(bytes).toString("base64"));
    const running = agent.exec({
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
    const end = await running.catch((error: unknown) => {
      throw error instanceof BangerError && error.code === "cancelled" ? endedNotUndone(error) : error;
    });
    return {
      exit_code: end.exitCode,
      signal: end.signal,
      ...(end.outOfMemory === true ? { out_of_memory: true } : {}),
    };
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

  /** Waits until the guest's ssh server greets, and says how to reach it. */
  async ssh({ vm: reference, timeout_s }: Params<"vmSsh">, { signal, emit }: VmRequest) {
    const { records, running, layout, network } = this.#deps;
    const vm = records.use(reference);
    running.agentOf(vm);
    if (vm.network === "none") throw withoutNetwork(vm);
    const gone = running.get(vm.id)?.vmm.lost ?? Promise.resolve();
    const inTheWay = () => network.inTheWay(signal);
    const tell = (text: string) => void emit("progress", { text }).catch(() => undefined);
    await awaitSsh({ host: vm.address, port: 22, timeoutMs: timeout_s * 1000, signal, gone, late: { inTheWay, tell } });
    return {
      host: vm.address,
      port: 22,
      user: "root",
      identity_file: layout.sshKey,
      known_hosts_file: layout.vm(vm.id).knownHosts,
      host_key_alias: hostKeyAlias(vm.id),
    };
  }
}

/** Why a VM without a network is reached by no ssh. */
export function withoutNetwork({ name }: Pick<StoredVm, "name">): BangerError {
  return new BangerError("wrong_state", `vm ${name} has no network to reach it by`, {
    details: { hint: "`vm exec` runs a command in it without one." },
  });
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
