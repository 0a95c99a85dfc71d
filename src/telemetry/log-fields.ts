/** What a field of a log record is. */
export interface LogField {
  /** What it says, its unit, and where it comes from. */
  readonly means: string;
  /** The native field of the journal that has the same value. */
  readonly journal?: string;
}

/** Where the journal has what each record is, beside its fields. */
export const journalRecord = {
  MESSAGE: "the whole record, as JSON in one line",
  SYSLOG_IDENTIFIER: "`service`",
} as const;

/** Every field that a log record may have. The generated reference page, the loggers' types and the journal's fields come from here. */
export const logFields = {
  level: { means: "how severe it is: `debug`, `info`, `warn`, `error`", journal: "PRIORITY" },
  time: { means: "when it was written, ISO 8601 in UTC" },
  service: {
    means: "the program: `bangerd`, `bangerd-root`, or `banger` for what the CLI hands over when it ends",
    journal: "SYSLOG_IDENTIFIER",
  },
  pid: { means: "its process" },
  message: { means: "what happened, in words that don't change with the occasion" },
  op_id: { means: "the operation that it belongs to", journal: "BANGER_OP_ID" },
  trace_id: { means: "the operation's trace: the digits of `op_id`", journal: "TRACE_ID" },
  span_id: { means: "the span that it was written in", journal: "SPAN_ID" },
  trace_flags: { means: "W3C trace flags; `01`, as every trace is recorded" },
  "banger.vm.id": { means: "the VM that it is about", journal: "BANGER_VM_ID" },
  "banger.vm.name": { means: "what that VM was called then" },
  operation: { means: "what was asked for: a method, or the command that the CLI was given, without its arguments" },
  method: { means: "the method of a request" },
  duration_ms: { means: "how long that took, in milliseconds" },
  peer: { means: "who asked, as the kernel saw them at connect: `{uid, gid, pid}`" },
  code: { means: "the error's code (errors.md), or a warning's" },
  reason: { means: "the error in words" },
  console: { means: "the end of what the guest printed on its serial console, where its start failed or it died" },
  stderr: { means: "the last words of a program that failed, of the VMM for one" },
  hint: { means: "what to do about it" },
  exit_code: { means: "what the CLI ended with" },
  step: { means: "the step of an operation (`operation stage`)" },
  phase: { means: "what became of the step: `started`, `completed`, `failed`, `undone`" },
  elapsed_ms: { means: "milliseconds from the operation's beginning" },
  err: { means: "an error as it was thrown: `{type, message, stack}`, with its code and what caused it" },
  dropped: { means: "so many records before this one could not be written, or found no room in the helper's answer" },
  spans: { means: "how many spans came with it" },
  lost: { means: "how many spans could not be kept" },
  at: { means: "when what is told of ended" },
  began: { means: "when what is told of began" },
  file: { means: "a file's name" },
  path: { means: "a file or a directory" },
  socket: { means: "where the process listens" },
  found: { means: "what was found: of an operation that was cut off, or of a thing that no VM owns" },
  before: { means: "a VM's state before it was reconciled" },
  outcome: { means: "its state after that" },
  vms: { means: "how many VMs run" },
  vmms: { means: "how the helper starts VMMs: as `units` of systemd's, or `detached`" },
  failed: { means: "how many could not be reconciled" },
  exit: { means: "how a VMM ended: `{reason, code, signal}`" },
  cause: { means: "why a VM is stopped: `ttl` or `idle`" },
  what: { means: "what was tried" },
  database: { means: "which was found: a `new` one, an `older` copy" },
  unowned: { means: "how many directories of VMs, images and kernels have no record" },
  interrupted: { means: "how many operations the daemon before this one left" },
  warning: { means: "what is odd about the install file" },
  version: { means: "this program's version" },
  peer_version: { means: "the version of the program that it talks to" },
  from: { means: "whose words they are: `opentelemetry`" },
} as const satisfies Record<string, LogField>;

/** A field that is declared. */
export type LogFieldName = keyof typeof logFields;

/** What a record is written with; a field that isn't declared doesn't compile. */
export type LogFields = { readonly [K in LogFieldName]?: unknown };

/** True for a declared field; what a peer sends beyond them is dropped. */
export function isLogField(name: string): name is LogFieldName {
  return Object.hasOwn(logFields, name);
}
