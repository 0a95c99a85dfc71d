/** What one error code means to a script and to a person. */
interface ErrorKind {
  /** The CLI's exit code. */
  readonly exit: number;
  /** The next step, for a person. */
  readonly hint: string;
}

/** The closed table of error codes: nothing answers a code that isn't here. */
export const errorTable = {
  bad_frame: { exit: 70, hint: "The peer sent something that is not a frame; check that both sides are banger." },
  frame_too_large: { exit: 70, hint: "Send less in one request." },
  bad_version: { exit: 70, hint: "CLI and daemon differ too much; install the same version of both." },
  unknown_method: { exit: 70, hint: "The peer is older than the caller; restart it after an upgrade." },
  bad_params: { exit: 64, hint: "Correct the named field; `--help` shows what is accepted." },
  bad_config: { exit: 78, hint: "Correct the config file where the message says; VMs that are there are as before." },
  usage: { exit: 64, hint: "`banger --help` lists the commands." },
  not_owner: { exit: 77, hint: "Run the command as the user who owns this installation." },
  not_found: {
    exit: 66,
    hint: "`banger vm ls`, `volume ls`, `image ls`, `kernel ls` and `trace ls` list what there is.",
  },
  ambiguous: { exit: 64, hint: "Give more of the name or id." },
  op_id_reused: { exit: 64, hint: "An op_id names one operation; ask for another one with an op_id of its own." },
  already_exists: { exit: 73, hint: "Choose another name, or remove the existing one." },
  in_use: { exit: 75, hint: "Delete what uses it first." },
  busy: { exit: 75, hint: "Another operation on it is under way; try again when it is done." },
  wrong_state: { exit: 65, hint: "`banger vm ls` says what state it is in." },
  cancelled: { exit: 130, hint: "It was ended before it was done; `banger trace show` says how far it came." },
  deadline_exceeded: { exit: 75, hint: "Try again; a host or a guest that is busy may take longer." },
  disconnected: { exit: 69, hint: "The peer went away; what it had begun completes or is undone." },
  daemon_unavailable: { exit: 69, hint: "Start it: `bangerd`, as the owner of the installation." },
  helper_unavailable: { exit: 69, hint: "Start it as root: `bangerd-root`." },
  missing_tool: { exit: 69, hint: "Install the named program." },
  command_failed: { exit: 71, hint: "The message has the program's own words; `banger trace show` has its span." },
  step_failed: { exit: 71, hint: "`banger trace show` shows the step, and what was undone." },
  guest_died: { exit: 71, hint: "`banger vm logs` shows the console, if its guest came so far." },
  not_ready: { exit: 69, hint: "Put right what is named; `banger doctor` looks at everything." },
  no_space: { exit: 74, hint: "Free disk space, then try again." },
  no_memory: { exit: 75, hint: "Stop a VM, give this one less memory, or start it with --overcommit." },
  host_failed: { exit: 71, hint: "The host refused what the message names; put that right, then try again." },
  output_failed: { exit: 74, hint: "What the command printed could not be written; what it did is done." },
  bad_content: { exit: 65, hint: "The file is not what it should be; check what it was made from." },
  internal: { exit: 70, hint: "This is a bug in banger; report it with the trace." },
} as const satisfies Record<string, ErrorKind>;

/** A code of the error table. */
export type ErrorCode = keyof typeof errorTable;

/** True for the codes of the table. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorTable, code);
}

/** What a BangerError carries beside its text. */
export interface BangerErrorOptions {
  /** The operation's id, `op-` and 32 hex digits, when it is known. */
  opId?: string;
  /** What caused it; its text is not repeated in this one. */
  cause?: unknown;
  /** Facts for programs: the field, the step, the console's last lines. */
  details?: Record<string, unknown>;
}

/** The one error type that crosses processes: a code of the table, a message, and the operation's id at the end of its text. */
export class BangerError extends Error {
  override readonly name = "BangerError";
  readonly code: ErrorCode;
  readonly opId: string | undefined;
  readonly details: Record<string, unknown> | undefined;
  /** The message without the op_id. */
  readonly plain: string;

  constructor(code: ErrorCode, message: string, options: BangerErrorOptions = {}) {
    super(
      options.opId === undefined ? message : `${message} (${options.opId})`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.plain = message;
    this.opId = options.opId;
    this.details = options.details;
  }

  /** The same error, its message begun with the operation's name; unchanged when it begins so. */
  inOperation(name: string): BangerError {
    if (this.plain.startsWith(`${name}: `)) return this;
    return new BangerError(this.code, `${name}: ${this.plain}`, {
      cause: this.cause,
      ...(this.opId === undefined ? {} : { opId: this.opId }),
      ...(this.details === undefined ? {} : { details: this.details }),
    });
  }

  /** The same error with an op_id; unchanged when it already names one. */
  withOpId(opId: string): BangerError {
    if (this.opId !== undefined) return this;
    return new BangerError(this.code, this.plain, {
      opId,
      cause: this.cause,
      ...(this.details === undefined ? {} : { details: this.details }),
    });
  }
}
