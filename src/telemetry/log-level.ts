const variable = "BANGER_LOG_LEVEL";
const levels: readonly string[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

/** The least severe of what is logged: `info` unless the environment says another; a word that is no level is refused. */
export function logLevel(env: NodeJS.ProcessEnv): string {
  const given = env[variable] ?? "";
  const level = given === "" ? "info" : given.toLowerCase();
  if (levels.includes(level)) return level;
  throw new Error(`${variable}: ${JSON.stringify(given)} is not a log level; give one of ${levels.join(", ")}`);
}
