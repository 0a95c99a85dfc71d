import { accessSync, constants, statSync } from "node:fs";
import { connect } from "node:net";
import { dirname } from "node:path";
import type { Installation } from "../../../installation/install-file.ts";
import { layoutOf } from "../../../installation/layout.ts";
import { readInstallFile } from "../../../installation/read-install-file.ts";
import { BangerError, errorTable } from "../../../rpc/contract/errors.ts";
import type { Result } from "../../command.ts";
import { howToStart } from "../../how-to-start.ts";

type Diagnosis = Result<"systemDoctor">;
type Finding = Diagnosis["checks"][number]["findings"][number];

const wrong = (code: string, message: string, hint: string): Finding => ({ code, level: "error", message, hint });

/** What keeps a daemon from being there, as far as its caller can look: `unavailable` is why none answers. Another failure stays one. */
export async function lookWithoutDaemon(
  config: string,
  unavailable: unknown,
  uid = process.getuid?.(),
): Promise<Diagnosis> {
  if (!(unavailable instanceof BangerError)) throw unavailable;
  const { code, plain, details } = unavailable;
  const hint = typeof details?.["hint"] === "string" ? details["hint"] : errorTable[code].hint;
  const because = wrong(code, plain, hint);
  const installation = installationAt(config);
  if (installation === undefined) return { checks: [{ name: "installation", findings: [because] }], done: [] };
  if (code !== "daemon_unavailable") throw unavailable;
  const checks = [
    { name: "installation", findings: ownerFindings(installation, uid) },
    { name: "state_dir", findings: directoryFindings(installation.stateDir, installation.ownerUid) },
    { name: "run_dir", findings: directoryFindings(installation.runDir, installation.ownerUid) },
    { name: "helper", findings: await helperFindings(installation) },
  ];
  return { checks: [...checks, { name: "daemon", findings: [because] }], done: [] };
}

function installationAt(config: string): Installation | undefined {
  try {
    return readInstallFile(config);
  } catch {
    return undefined;
  }
}

/** Daemon and command line are the owner's alone. */
function ownerFindings({ ownerUid }: Installation, uid: number | undefined): Finding[] {
  if (uid === ownerUid) return [];
  const message = `it belongs to uid ${ownerUid}, and this is uid ${uid}: the daemon answers its owner only`;
  return [wrong("not_owner", message, "Become that user, or write your `owner_uid` into the install file.")];
}

/** The daemon makes a directory that is missing, where its owner may. */
function directoryFindings(path: string, ownerUid: number): Finding[] {
  const make = `As root: \`install -d -o ${ownerUid} -m 700 ${path}\`.`;
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) {
      if (mayBeMade(path)) return [];
      return [wrong("directory_missing", `${path} isn't there, and may not be made by this user`, make)];
    }
    if (!stat.isDirectory())
      return [wrong("no_directory", `${path} is no directory`, "Move away what is there, or name another.")];
    if (stat.uid === ownerUid) return [];
    const message = `${path} belongs to uid ${stat.uid}, not to the owner (uid ${ownerUid})`;
    return [wrong("directory_foreign", message, `As root: \`chown ${ownerUid} ${path}\`.`)];
  } catch (error) {
    return [wrong("directory_unreachable", `${path} can't be looked at: ${(error as Error).message}`, make)];
  }
}

function mayBeMade(path: string): boolean {
  const above = dirname(path);
  try {
    accessSync(above, constants.W_OK | constants.X_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT" && mayBeMade(above);
  }
}

/** Why a helper can't be reached, by errno's name. */
const whyNot: Readonly<Record<string, string>> = {
  ENOENT: "isn't there",
  ECONNREFUSED: "was left by a helper that has ended",
  EACCES: "may not be reached by this user",
};

async function helperFindings(installation: Installation): Promise<Finding[]> {
  const socket = layoutOf(installation).helperSocket;
  const failure = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const connection = connect(socket, () => {
      connection.destroy();
      resolve(undefined);
    }).on("error", resolve);
  });
  if (failure === undefined) return [];
  const why = whyNot[failure.code ?? ""] ?? `can't be reached (${failure.code})`;
  const hint = howToStart(installation).helper_unavailable ?? errorTable.helper_unavailable.hint;
  return [wrong("helper_unavailable", `no helper answers: its socket ${socket} ${why}`, hint)];
}
