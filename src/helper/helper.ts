import { accessSync, constants } from "node:fs";
import type { Installation } from "../installation/install-file.ts";
import { installationWarnings } from "../installation/uid-range.ts";
import { type Layout, layoutOf } from "../installation/layout.ts";
import { helperContract } from "../rpc/contract/helper.ts";
import { createDispatch, type Outcome } from "../rpc/dispatch.ts";
import { createPeerCredentials } from "../rpc/peer-credentials.ts";
import { listen, type RpcServer } from "../rpc/server.ts";
import { createLogger, type Logger } from "../telemetry/log.ts";
import { attribute, services } from "../telemetry/names.ts";
import { RecordCarrier } from "../telemetry/record-carrier.ts";
import { Spans } from "../telemetry/spans.ts";
import { ownLog } from "../telemetry/own-log.ts";
import { startTracer } from "../telemetry/tracer.ts";
import { version } from "../version.ts";
import type { HostPrograms } from "./deps.ts";
import { DeviceMapper } from "./disk/device-mapper.ts";
import { Facts } from "./files/facts.ts";
import { beOnlyHelper } from "./files/only-helper.ts";
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
import { ProgramVersions } from "./process/program-versions.ts";
import { usersWarning } from "./process/ids-of-users.ts";
import { operations } from "./operations.ts";
import { SystemdManager } from "./systemd/manager.ts";
import { runsAsService } from "./systemd/own-service.ts";
import { VmUnits } from "./systemd/vm-units.ts";
import { launchAsUnit } from "./vmm/launch-as-unit.ts";
import { launchDetached } from "./vmm/launch-detached.ts";
import { TscRate } from "./tsc/tsc-rate.ts";

/** How a helper is started. */
export interface HelperOptions {
  /** The install file's path. */
  readonly config: string;
  readonly programs: HostPrograms;
  /** The socket that systemd listens on for it. */
  readonly listenFd?: number | undefined;
}

/** Starts the helper: reads the installation, listens for its owner. */
export async function startHelper({ config, programs, listenFd }: HelperOptions): Promise<RpcServer> {
  if (process.getuid?.() !== 0)
    throw new Error("bangerd-root must be started as root; the daemon, bangerd, is what the owner runs");
  const installation = readRootsFile(config);
  const layout = layoutOf(installation);
  // The owner may not read the system's journal: what is logged of his operations rides back to his daemon.
  const carrier = new RecordCarrier();
  const log = createLogger(services.helper, carrier.over(ownLog(process.env)));
  makeDirectories(installation, layout);
  for (const program of Object.values(programs)) accessSync(program, constants.X_OK);
  // Spans belong to requests and ride back in their answers; this process exports nothing.
  const spans = new Spans(startTracer(services.helper, () => undefined, version));
  const libc = loadLibc();
  beOnlyHelper(libc, layout.helperLock);
  const route = new NetlinkSocket(libc, netlinkProtocol.route);
  const netfilter = new NetlinkSocket(libc, netlinkProtocol.netfilter);
  const facts = new Facts({
    directory: layout.factsDirectory,
    recover: (vmId) => recoverVm(installation, layout, vmId),
    spoilt: (file, why) => log.error({ file, reason: why }, "a file of facts is spoilt and was laid aside"),
  });
  const command = createHostCommand(spans);
  const units = new VmUnits(new SystemdManager(command), layout);
  const asService = runsAsService();
  const server = await listen({
    path: layout.helperSocket,
    mode: 0o600,
    owner: { uid: installation.ownerUid, gid: installation.ownerGid },
    listenFd,
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
        versions: new ProgramVersions({ command, facts, installation, layout, libc }),
        tsc: new TscRate({ command, programs, log }),
        libc,
        mapper: new DeviceMapper(libc),
        links: new Links(route),
        routes: new Routes(route),
        nft: new NfTables(netfilter),
        foreign: new ForeignTables(() => new NetlinkSocket(libc, netlinkProtocol.netfilter)),
        resolved: new Resolved(command),
        programs,
        units,
        asService,
        launch: asService ? launchAsUnit({ units, programs, spans, installation, config }) : launchDetached,
        log,
      }),
      spans,
      log,
      carrier,
      onAnswered: (outcome) => logCall(log, outcome),
    }),
  });
  for (const warning of [...installationWarnings(installation), usersWarning(installation)]) {
    if (warning !== undefined) log.warn({ warning }, "the installation's file");
  }
  log.info({ socket: layout.helperSocket, vmms: asService ? "units" : "detached" }, "helper ready");
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

/** The helper's one line for each call; of those that only ask whether it is there, at level debug. */
function logCall(log: Logger, { method, opId, durationMs, error, peer, vmId }: Outcome): void {
  const fields = {
    method,
    op_id: opId,
    duration_ms: Math.round(durationMs * 10) / 10,
    peer,
    ...(vmId === undefined ? {} : { [attribute.vmId]: vmId }),
  };
  if (error !== undefined) log.warn({ ...fields, code: error.code, reason: error.plain }, "helper rpc failed");
  else if (method === helperContract.ping.name) log.debug(fields, "helper rpc completed");
  else log.info(fields, "helper rpc completed");
}
