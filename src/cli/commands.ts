import type { Command } from "./command.ts";
import { configShow } from "./command/config/show.ts";
import { daemonStatus } from "./command/daemon/status.ts";
import { imageBuild } from "./command/image/build.ts";
import { imageDefault } from "./command/image/default.ts";
import { imageImport } from "./command/image/import.ts";
import { imageLs } from "./command/image/ls.ts";
import { imageRm } from "./command/image/rm.ts";
import { imageShow } from "./command/image/show.ts";
import { kernelDefault } from "./command/kernel/default.ts";
import { kernelImport } from "./command/kernel/import.ts";
import { kernelLs } from "./command/kernel/ls.ts";
import { kernelRm } from "./command/kernel/rm.ts";
import { kernelShow } from "./command/kernel/show.ts";
import { logsShow } from "./command/logs/show.ts";
import { networkDown } from "./command/network/down.ts";
import { networkUp } from "./command/network/up.ts";
import { systemDoctor } from "./command/system/doctor.ts";
import { systemInstall } from "./command/system/install.ts";
import { systemRestart } from "./command/system/restart.ts";
import { systemStatus } from "./command/system/status.ts";
import { systemUninstall } from "./command/system/uninstall.ts";
import { systemUpgrade } from "./command/system/upgrade.ts";
import { systemReconcile } from "./command/system/reconcile.ts";
import { operationCancel } from "./command/operation/cancel.ts";
import { operationLs } from "./command/operation/ls.ts";
import { operationShow } from "./command/operation/show.ts";
import { operationWait } from "./command/operation/wait.ts";
import { traceLs } from "./command/trace/ls.ts";
import { traceShow } from "./command/trace/show.ts";
import { vmConsole } from "./command/vm/console.ts";
import { vmCp } from "./command/vm/cp.ts";
import { vmCreate } from "./command/vm/create.ts";
import { vmDelete } from "./command/vm/delete.ts";
import { vmExec } from "./command/vm/exec.ts";
import { vmKill } from "./command/vm/kill.ts";
import { vmLogs } from "./command/vm/logs.ts";
import { vmLs } from "./command/vm/ls.ts";
import { vmPause } from "./command/vm/pause.ts";
import { vmRestart } from "./command/vm/restart.ts";
import { vmResume } from "./command/vm/resume.ts";
import { vmPorts } from "./command/vm/ports.ts";
import { vmPrune } from "./command/vm/prune.ts";
import { vmRename } from "./command/vm/rename.ts";
import { vmRun } from "./command/vm/run.ts";
import { vmSet } from "./command/vm/set.ts";
import { vmShow } from "./command/vm/show.ts";
import { vmSsh } from "./command/vm/ssh.ts";
import { vmStart } from "./command/vm/start.ts";
import { vmStats } from "./command/vm/stats.ts";
import { vmStop } from "./command/vm/stop.ts";
import { vmWait } from "./command/vm/wait.ts";
import { vmmLs } from "./command/vmm/ls.ts";
import { volumeCreate } from "./command/volume/create.ts";
import { volumeLs } from "./command/volume/ls.ts";
import { volumeRm } from "./command/volume/rm.ts";
import { volumeSet } from "./command/volume/set.ts";
import { volumeShow } from "./command/volume/show.ts";

/** Every command, in the order of the help. */
export const commands: readonly Command[] = [
  vmRun,
  vmCreate,
  vmStart,
  vmStop,
  vmRestart,
  vmPause,
  vmResume,
  vmWait,
  vmKill,
  vmDelete,
  vmPrune,
  vmRename,
  vmLs,
  vmShow,
  vmStats,
  vmPorts,
  vmSet,
  vmExec,
  vmCp,
  vmLogs,
  vmConsole,
  vmSsh,
  vmmLs,
  volumeCreate,
  volumeLs,
  volumeShow,
  volumeSet,
  volumeRm,
  imageBuild,
  imageImport,
  imageLs,
  imageShow,
  imageDefault,
  imageRm,
  kernelImport,
  kernelLs,
  kernelShow,
  kernelDefault,
  kernelRm,
  networkUp,
  networkDown,
  operationLs,
  operationShow,
  operationWait,
  operationCancel,
  traceLs,
  traceShow,
  logsShow,
  configShow,
  daemonStatus,
  systemDoctor,
  systemReconcile,
  systemInstall,
  systemStatus,
  systemRestart,
  systemUpgrade,
  systemUninstall,
];
