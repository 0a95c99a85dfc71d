import { z } from "zod";
import { amount, ipv4, name, path, terminalSize, vmId } from "./fields.ts";
import { method } from "./method.ts";
import { stepCodes } from "./step.ts";
import { byName, one, vmContract } from "./vm-methods.ts";

/** What to do with what is too long for an argument. */
export const byInput = "pass it on standard input, as `banger vm exec -i` does";

const argv = z
  .array(z.string().max(131_071, `an argument of more than 131071 characters can't be passed; ${byInput}`))
  .max(16_384, "more than 16384 arguments can't be passed");

/** How a command is run. */
const how = {
  env: z
    .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*=[^\0]*$/, "must be NAME=value"))
    .max(256)
    .default([])
    .describe("NAME=value in its environment, or NAME for the caller's own value (may be repeated)"),
  cwd: path.optional().describe("its working directory; the user's home by default"),
  user: z
    .string()
    .regex(/^[a-z0-9_][a-z0-9_-]{0,31}$/, "must be a user's name or number")
    .optional()
    .describe("the user it runs as; root by default"),
  stdin: z.boolean().default(false).describe("pass standard input"),
};

/** How a command ended. */
const end = z.object({
  exit_code: z.int().nullable(),
  signal: z.int().nullable(),
  /** True when the guest's kernel killed it because the guest's memory was used up. */
  out_of_memory: z.boolean().optional(),
});

const execCodes = [
  "wrong_state",
  "helper_unavailable",
  "guest_died",
  "deadline_exceeded",
  "command_failed",
  "no_space",
  "disconnected",
] as const;

/** The methods that reach into a VM's guest. */
export const guestContract = {
  vmExec: method({
    name: "vm.exec",
    // Events `stdout` and `stderr` carry its output as base64; the request's input is its standard input.
    summary: "Runs a command in a VM, without ssh.",
    params: one.extend({
      argv: argv.min(1).describe("the command and its arguments"),
      ...how,
      tty: z.boolean().optional().describe("give it a terminal; with -i what is typed goes there, Ctrl-C too"),
      size: terminalSize.optional().describe("the terminal's columns and rows; those of the caller's, or 80x24"),
    }),
    result: end,
    errors: [...byName, ...execCodes],
  }),
  vmRun: method({
    name: "vm.run",
    // Event `started` tells the VM and what will trouble it; the command's output is told as vm.exec's. Without a command, event
    // `ssh` tells what vm.ssh answers, and the VM is kept until the caller ends its input.
    summary:
      "Makes a VM, starts it and runs a command or a shell in it; the exit code is the command's. The VM runs on, unless --rm.",
    params: vmContract.vmCreate.params.extend({
      ...vmContract.vmStart.params.pick({ overcommit: true }).shape,
      argv: argv.default([]).describe("the command and its arguments; a shell by default"),
      ...how,
      rm: z
        .boolean()
        .default(false)
        .describe("delete the VM when the command ends, however it does, or nobody waits for it any more"),
    }),
    result: end.extend({
      vm: z.object({ id: vmId, name }),
      /** Whether it is deleted, */
      removed: z.boolean(),
      /** or why it isn't yet, though it was to be. */
      not_removed: z.string().optional(),
    }),
    errors: [...byName, "busy", "no_memory", "not_ready", "bad_config", ...stepCodes, ...execCodes],
  }),
  vmCopy: method({
    name: "vm.copy",
    // Towards a guest, the request's input is an archive (tar) of one tree, `t`; from one, events `stdout` carry an archive whose
    // first member is what is copied. Where the other place is `-`, it is a file's bare bytes. Events `stderr` have the guest's words.
    summary: "Copies files and directories between here and a guest.",
    params: z.object({
      source: z
        .string()
        .min(1)
        .max(8192)
        .describe("what is copied: VM:PATH in a guest, a path here, or - for standard input"),
      destination: z
        .string()
        .min(1)
        .max(8192)
        .describe("where to: a directory that is there, or a new name; - for standard output"),
      user: how.user.describe("the guest's user who reads, or to whom it belongs there; root by default"),
    }),
    result: end,
    errors: [...byName, ...execCodes],
  }),
  vmLogs: method({
    name: "vm.logs",
    // Events `data` carry it as base64.
    summary: "Reads a VM's serial console.",
    params: one.extend({ follow: z.boolean().default(false).describe("go on as it grows, until cancelled") }),
    result: z.object({ bytes: z.int() }),
    errors: [...byName],
  }),
  vmConsole: method({
    name: "vm.console",
    // Events `data` carry what the guest prints as base64; the request's input is typed there. Cancelling it leaves.
    summary: "Attaches to a VM's serial console: shows what it printed and prints, and types on it.",
    params: one.extend({
      lines: amount(0, 10_000, "lines")
        .default(40)
        .describe("how many lines of what was printed before are shown first"),
      read_only: z.boolean().default(false).describe("type nothing"),
      // The caller's own affair: the daemon passes every byte.
      escape: z
        .string()
        .regex(/^(\^[A-Z[\\\]^_]|none)$/, "must be ^A to ^Z, ^[, ^\\, ^], ^^, ^_, or none")
        .optional()
        .describe("the key that leaves it, ^A to ^_, or none; ^] by default"),
    }),
    result: z.object({ bytes: z.int() }),
    errors: [...byName, "wrong_state", "host_failed"],
  }),
  vmSsh: method({
    name: "vm.ssh",
    // With `hold`, event `ssh` tells what the result is, and the request goes on until the caller ends its input.
    summary: "Reaches a VM by ssh: waits for its ssh server, whose key is known beforehand.",
    params: one.extend({
      hold: z.boolean().optional().describe("the VM is in use until the request's input ends"),
      timeout_s: amount(0, 600, "seconds").default(120).describe("how long to wait for the ssh server"),
    }),
    result: z.object({
      host: ipv4,
      port: z.int(),
      user: z.string(),
      identity_file: path,
      known_hosts_file: path,
      /** The name that the host key is filed under in known_hosts. */
      host_key_alias: z.string(),
    }),
    errors: [...byName, "wrong_state", "guest_died", "deadline_exceeded"],
  }),
};
