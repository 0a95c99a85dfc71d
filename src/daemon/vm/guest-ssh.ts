import { BangerError } from "../../rpc/contract/errors.ts";
import type { guestContract } from "../../rpc/contract/guest.ts";
import type { ParamsOf, ResultOf } from "../../rpc/contract/method.ts";
import { errorFrom } from "../../rpc/wire-error.ts";
import { attribute } from "../../telemetry/names.ts";
import type { Spans } from "../../telemetry/spans.ts";
import type { HostNetwork } from "../network/host-network.ts";
import { awaitSsh } from "../ssh/await-ssh.ts";
import type { GuestKeys } from "../ssh/guest-keys.ts";
import type { SshHosts } from "../ssh/ssh-hosts.ts";
import { hostKeyAlias, type SshKeys } from "../ssh/ssh-keys.ts";
import type { Uses } from "./expiry/uses.ts";
import type { VmRequest } from "./guest-access.ts";
import type { RunningVms } from "./running.ts";
import type { StoredVm } from "./vm-records.ts";

/** What reaching guests by ssh needs. */
export interface GuestSshDeps {
  readonly running: RunningVms;
  readonly network: Pick<HostNetwork, "inTheWay">;
  readonly uses: Pick<Uses, "hold">;
  readonly keys: Pick<SshKeys, "identityFile">;
  readonly guestKeys: Pick<GuestKeys, "letIn">;
  readonly sshHosts: Pick<SshHosts, "write">;
  readonly spans: Pick<Spans, "span">;
}

type Asked = Omit<ParamsOf<(typeof guestContract)["vmSsh"]>, "vm">;

const port = 22;

/**
 * Waits until the guest's ssh server greets, and says how to reach it. With `hold` that is an event, and the VM counts as used until
 * the caller ends its input.
 */
export async function reachBySsh(
  deps: GuestSshDeps,
  vm: StoredVm,
  { timeout_s, hold }: Asked,
  { signal, emit, input }: VmRequest,
): Promise<ResultOf<(typeof guestContract)["vmSsh"]>> {
  const { running, network, uses, keys, guestKeys, sshHosts, spans } = deps;
  const agent = running.agentOf(vm);
  if (vm.network === "none") throw withoutNetwork(vm);
  using _ = uses.hold(vm.id);
  const { address: host } = vm;
  const about = { [attribute.vmId]: vm.id, [attribute.vmName]: vm.name };
  const gone = running.get(vm.id)?.vmm.lost ?? Promise.resolve();
  const inTheWay = () => network.inTheWay(signal);
  const tell = (text: string) => void emit("progress", { text }).catch(() => undefined);
  await spans
    .span("ssh key", { attributes: about }, () => guestKeys.letIn(vm.id, agent, signal))
    .catch((error: unknown) => {
      signal.throwIfAborted();
      tell(`the guest could not be given the SSH key in use, and may refuse it: ${errorFrom(error).plain}`);
    });
  const server = { [attribute.serverAddress]: host, [attribute.serverPort]: port };
  await spans.span("ssh server", { attributes: { ...about, ...server } }, () =>
    awaitSsh({ host, port, timeoutMs: timeout_s * 1000, signal, gone, late: { inTheWay, tell } }),
  );
  const target = {
    host,
    port,
    user: "root",
    identity_file: keys.identityFile,
    known_hosts_file: await spans.span("known_hosts", { attributes: about }, async (span) => {
      const path = sshHosts.write();
      span.setAttribute(attribute.file, path);
      return path;
    }),
    host_key_alias: hostKeyAlias(vm.id),
  };
  if (hold === true) {
    await spans.span("ssh session", { attributes: about }, async () => {
      await emit("ssh", target);
      await Promise.race([endOf(input), gone, aborted(signal)]);
    });
  }
  return target;
}

/** Why a VM without a network is reached by no ssh. */
export function withoutNetwork({ name }: Pick<StoredVm, "name">): BangerError {
  return new BangerError("wrong_state", `vm ${name} has no network to reach it by`, {
    details: { hint: "`vm exec` runs a command in it without one." },
  });
}

async function endOf(input: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of input);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
