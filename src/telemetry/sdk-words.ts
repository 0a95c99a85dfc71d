import { DiagLogLevel, diag } from "@opentelemetry/api";

/** Gets what OpenTelemetry's packages say. */
export type SdkListener = (level: "error" | "warn" | "info" | "debug", text: string, ...facts: unknown[]) => void;

/** Has all that OpenTelemetry's packages say told to a listener, and nothing printed; call it after the SDK was made, which may say otherwise. */
export function hearSdk(listener: SdkListener): void {
  const told =
    (level: Parameters<SdkListener>[0]) =>
    (text: string, ...facts: unknown[]) =>
      listener(level, text, ...facts);
  diag.setLogger(
    { error: told("error"), warn: told("warn"), info: told("info"), debug: told("debug"), verbose: told("debug") },
    { logLevel: DiagLogLevel.ALL, suppressOverrideMessage: true },
  );
}

/** Whether OTEL_LOG_LEVEL lets a level through; without it nothing is passed on, since failures are said here in other words. */
export function passesLevel(named: string | undefined, level: "error" | "warn" | "info" | "debug"): boolean {
  const levels = ["error", "warn", "info", "debug"];
  if (named === undefined || named === "none") return false;
  const most = levels.indexOf(named);
  return most === -1 || levels.indexOf(level) <= most;
}
