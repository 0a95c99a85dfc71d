import { BangerError } from "../rpc/contract/errors.ts";
import { printable } from "../rpc/printable.ts";
import type { LogFields } from "../telemetry/log-fields.ts";
import { services } from "../telemetry/names.ts";
import { activeIds } from "../telemetry/spans.ts";

/** What this process says of its operation, for the daemon to write down: it has no log of its own, and loads nothing for one. */
export class OwnRecords {
  readonly all: LogFields[] = [];
  readonly #operation: string;
  readonly #began = performance.now();

  /** `operation`: the command, without its arguments. */
  constructor(operation: string) {
    this.#operation = operation;
  }

  started(): void {
    this.#add("info", "operation started", {});
  }

  completed(exitCode: number): void {
    this.#add("info", "operation completed", { ...this.#duration(), exit_code: exitCode });
  }

  failed(error: unknown): void {
    const code = error instanceof BangerError ? error.code : "internal";
    const reason = error instanceof BangerError ? error.plain : error instanceof Error ? error.message : String(error);
    this.#add("warn", "operation failed", { ...this.#duration(), code, reason: printable(reason).slice(0, 4_096) });
  }

  #duration(): LogFields {
    return { duration_ms: Math.round((performance.now() - this.#began) * 10) / 10 };
  }

  #add(level: "info" | "warn", message: string, fields: LogFields): void {
    const ids = activeIds();
    if (ids === undefined) return;
    this.all.push({
      level,
      time: new Date().toISOString(),
      service: services.cli,
      pid: process.pid,
      op_id: ids.opId,
      trace_id: ids.traceId,
      span_id: ids.spanId,
      trace_flags: "01",
      operation: this.#operation,
      ...fields,
      message,
    });
  }
}
