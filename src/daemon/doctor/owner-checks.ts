import { accessSync, constants, readFileSync, statfsSync } from "node:fs";
import { userInfo } from "node:os";
import { delimiter, join } from "node:path";
import type { Finding } from "../../rpc/contract/finding.ts";
import type { DoctorCheck } from "../capability/capability.ts";
import { packageOf, programsOfTheDaemon } from "../process/run.ts";

/** Less than this is little for a disk that VMs write to. */
const littleBytes = 1024 ** 3;
const littleInodes = 1_000;

const warning = (code: string, message: string, hint: string): Finding => ({ code, level: "warning", message, hint });

/** The programs that the daemon runs for images and kernels, and the caller's ssh. */
export function programsCheck(path: string): DoctorCheck {
  return {
    name: "programs",
    run: async () => {
      const directories = path.split(delimiter);
      return [...programsOfTheDaemon, "ssh"]
        .filter((program) => !directories.some((directory) => isRunnable(join(directory, program))))
        .map((program) =>
          warning(
            "program_missing",
            `${program} isn't in the daemon's PATH; what needs it will fail`,
            `Install it: \`apt install ${packageOf(program)}\`.`,
          ),
        );
    },
  };
}

/** The ids that a user namespace of the owner's needs, in which images are made. */
export function subordinateIdsCheck(
  read: (file: string) => string = (file) => readFileSync(file, "utf8"),
): DoctorCheck {
  return {
    name: "subordinate_ids",
    run: async () => {
      const { username, uid } = userInfo();
      const lacks = ["/etc/subuid", "/etc/subgid"].filter(
        (file) => !hasRange(unlessAbsent(read, file), [username, String(uid)]),
      );
      if (lacks.length === 0) return [];
      return [
        warning(
          "no_subordinate_ids",
          `${lacks.join(" and ")} give ${username} no ids: images are made by fakeroot then, more slowly`,
          `As root: \`usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${username}\`.`,
        ),
      ];
    },
  };
}

/** Room on the disk of the state. */
export function roomCheck(directory: string): DoctorCheck {
  return {
    name: "room",
    run: async () => {
      const { bavail, bsize, ffree, files } = statfsSync(directory);
      const freeMib = Math.floor((bavail * bsize) / 1024 ** 2);
      return [
        ...(bavail * bsize < littleBytes
          ? [
              warning(
                "little_space",
                `${directory} has ${freeMib} MiB left`,
                "Free disk space, or `vm delete` what you don't need.",
              ),
            ]
          : []),
        // File systems that make inodes as they need them say 0 of 0.
        ...(files > 0 && ffree < littleInodes
          ? [warning("few_inodes", `${directory} has ${ffree} inodes left`, "Remove files from its file system.")]
          : []),
      ];
    },
  };
}

/** The owner's home, in which the SSH key lies that guests are reached by. */
export function homeCheck(awayFromHome: string | undefined, standIn: string): DoctorCheck {
  return {
    name: "home",
    run: async () => {
      if (awayFromHome === undefined) return [];
      const message = `the SSH key lies in ${standIn}, as the owner's home takes none: ${awayFromHome}`;
      return [warning("ssh_key_away", message, "See to it, then restart bangerd, which moves the key.")];
    },
  };
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function hasRange(text: string, names: readonly string[]): boolean {
  return text.split("\n").some((line) => {
    const [name = "", , count] = line.split(":");
    return names.includes(name) && Number(count) >= 65_536;
  });
}

function unlessAbsent(read: (file: string) => string, file: string): string {
  try {
    return read(file);
  } catch {
    return "";
  }
}
