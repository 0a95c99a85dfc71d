import { accessSync, constants } from "node:fs";
import type { Installation } from "../installation/install-file.ts";
import { installationWarnings } from "../installation/uid-range.ts";
import { type Layout, layoutOf } from "../installation/layout.ts";
import { helperContract } from "../rpc/contract/helper.ts";
import { createDispatch, type Outcome } from "../rpc/dispatch.ts";
import { createPeerCredentials } from "../rpc/peer-credentials.ts";
import { listen, type RpcServer } from "../rpc/server.ts";
import { createLogger, type Logger } from "../telemetry/log.ts";
import { services } from "../telemetry/names.ts";
import { Spans } from "../telemetry/spans.ts";
import { Output } from "../telemetry/output.ts";
import { startTracer } from "../telemetry/tracer.ts";
import type { HostPrograms } from "./deps.ts";
import { Facts } from "./files/facts.ts";
import { recoverVm } from "./files/recover-facts.ts";
import { makeRootsDirectory } from "./files/roots-directory.ts";
import { readRootsFile } from "./files/roots-file.ts";
import { loadLibc } from "./kernel/libc.ts";
import { Kvm } from "./kvm/kvm.ts";
import { Links } from "./netlink/links.ts";
import { ForeignTables } from "./netlink/nf-foreign.ts";
import { NfTables } from "./netlink/nf-tables.ts";
import { Routes } from "./netlink/routes.ts";
import { NetlinkSocket, netlinkProtocol } from "./netlink/socket.ts";
import { Resolved } from "./network/resolved.ts";
import { createHostCommand } from "./process/host-command.ts";
import { usersWarning } from "./process/ids-of-users.ts";
import { operations } from "./operations.ts";

/** Starts the helper: reads the installation, listens for its owner. */
export async function startHelper(config: string, programs: HostPrograms): Promise<RpcServer> {
  if (process.getuid?.() !== 0)
    throw new Error("bangerd-root must be started as root; the daemon, bangerd, is what the owner runs");
  const installation = readRootsFile(config);
  const layout = layoutOf(installation);
  const log = createLogger(services.helper, new Output(1));
  makeDirectories(installation, layout);
  for (const program of Object.values(programs)) accessSync(program, constants.X_OK);
  // Spans belong to requests and ride back in their answers; this process exports nothing.
  const spans = new Spans(startTracer(services.helper, () => undefined));
  const libc = loadLibc();
  const route = new NetlinkSocket(libc, netlinkProtocol.route);
  const netfilter = new NetlinkSocket(libc, netlinkProtocol.netfilter);
  const facts = new Facts({
    directory: layout.factsDirectory,
    recover: (vmId) => recoverVm(installation, layout, vmId),
    spoilt: (file, why) => log.error({ file, reason: why }, "a file of facts is spoilt and was laid aside"),
  });
  const command = createHostCommand(spans);
  const server = await listen({
    path: layout.helperSocket,
    mode: 0o600,
    owner: { uid: installation.ownerUid, gid: installation.ownerGid },
    log,
    peerOf: createPeerCredentials(),
    authorize: (peer) => peer?.uid === installation.ownerUid,
    dispatch: createDispatch({
      contract: helperContract,
      handlers: operations({
        installation,
        layout,
        spans,
        facts,
        command,
        kvm: new Kvm({ command, facts, installation, layout, libc, programs }),
        libc,
        links: new Links(route),
        routes: new Routes(route),
        nft: new NfTables(netfilter),
        foreign: new ForeignTables(() => new NetlinkSocket(libc, netlinkProtocol.netfilter)),
        resolved: new Resolved(command),
        programs,
        log,
      }),
      spans,
      log,
      onAnswered: (outcome) => logCall(log, outcome),
    }),
  });
  for (const warning of [...installationWarnings(installation), usersWarning(installation)]) {
    if (warning !== undefined) log.warn({ warning }, "the installation's file");
  }
  log.info({ socket: layout.helperSocket }, "helper ready");
  return server;
}

/** The modes are set, not asked for: what the umask takes away, the owner and the VMMs need. */
function makeDirectories(
  { helperRunDir }: Installation,
  { factsDirectory, vmSockets, vmmLogs, vmmRecords, consoleInputs }: Layout,
): void {
  const modes = [
    [0o755, [helperRunDir, vmSockets]],
    [0o711, [consoleInputs]],
    [0o700, [factsDirectory, vmmLogs, vmmRecords]],
  ] as const;
  for (const [mode, directories] of modes) {
    for (const directory of directories) makeRootsDirectory(directory, mode);
  }
}

/** The helper's one line for each call. */
function logCall(log: Logger, { method, opId, durationMs, error, peer, traced }: Outcome): void {
  const fields = { method, op_id: opId, duration_ms: Math.round(durationMs * 10) / 10, peer };
  if (error !== undefined) log.warn({ ...fields, code: error.code, reason: error.plain }, "helper rpc failed");
  else if (traced) log.info(fields, "helper rpc completed");
  else log.debug(fields, "helper rpc completed");
}
