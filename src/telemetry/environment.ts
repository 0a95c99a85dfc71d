/** A variable of OpenTelemetry's that can't be heeded. */
export class SwitchError extends Error {
  override readonly name = "SwitchError";

  constructor(variable: string, problem: string) {
    super(`${variable}: ${problem}`);
  }
}

/** What a variable says; one that is empty says nothing, as OpenTelemetry has it. */
export function valueOf(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name]?.trim() || undefined;
}

/** True for a boolean of the environment as OpenTelemetry has them. */
export function isSet(env: NodeJS.ProcessEnv, name: string): boolean {
  return valueOf(env, name)?.toLowerCase() === "true";
}
