/** The signals that a collector may be sent. */
export type Signal = "TRACES" | "LOGS";

/** True for a boolean of the environment as OpenTelemetry has them. */
export function isSet(env: NodeJS.ProcessEnv, name: string): boolean {
  return env[name]?.trim().toLowerCase() === "true";
}

/**
 * Where OpenTelemetry's variables say that a signal is sent: undefined for nowhere, which is so unless an endpoint is named.
 * What they name and is not to be had here is an error that says so.
 */
export function exportEndpoint(env: NodeJS.ProcessEnv, signal: Signal): string | undefined {
  if (isSet(env, "OTEL_SDK_DISABLED")) return undefined;
  const exporter = env[`OTEL_${signal}_EXPORTER`]?.trim() || "otlp";
  if (exporter === "none") return undefined;
  const own = `OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`;
  // Logs are sent only where that is asked for: they are on standard output too.
  const name = env[own]?.trim() || signal === "LOGS" ? own : "OTEL_EXPORTER_OTLP_ENDPOINT";
  const endpoint = env[name]?.trim();
  if (!endpoint) return undefined;
  if (exporter !== "otlp") {
    throw new Error(`OTEL_${signal}_EXPORTER: ${JSON.stringify(exporter)} isn't known; otlp and none are`);
  }
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? "")) {
    throw new Error(`${name}: ${JSON.stringify(endpoint)} is no http or https address`);
  }
  return endpoint;
}

/** How traces are sent: JSON unless something else is named. */
export function exportProtocol(env: NodeJS.ProcessEnv): "http/json" | "http/protobuf" {
  const own = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL";
  const name = env[own]?.trim() ? own : "OTEL_EXPORTER_OTLP_PROTOCOL";
  const protocol = env[name]?.trim() || "http/json";
  if (protocol === "http/json" || protocol === "http/protobuf") return protocol;
  throw new Error(`${name}: ${JSON.stringify(protocol)} isn't spoken here; http/json and http/protobuf are`);
}

/** Which traces OpenTelemetry's sampler lets through to a collector; each is recorded here. */
export function exportSampler(env: NodeJS.ProcessEnv): (traceId: string) => boolean {
  const sampler = (env["OTEL_TRACES_SAMPLER"]?.trim() || "always_on").replace(/^parentbased_/, "");
  switch (sampler) {
    case "always_on":
      return () => true;
    case "always_off":
      return () => false;
    case "traceidratio": {
      const ratio = Number(env["OTEL_TRACES_SAMPLER_ARG"] ?? 1);
      if (!(ratio >= 0 && ratio <= 1)) throw new Error("OTEL_TRACES_SAMPLER_ARG: must be a number from 0 to 1");
      const bound = Math.floor(ratio * 2 ** 32);
      return (traceId) => Number.parseInt(traceId.slice(0, 8), 16) < bound;
    }
    default:
      throw new Error(`OTEL_TRACES_SAMPLER: ${JSON.stringify(env["OTEL_TRACES_SAMPLER"])} isn't known`);
  }
}

/** How long an exported span's values may be, by OpenTelemetry's limits. */
export function exportedLength(env: NodeJS.ProcessEnv): number {
  const given = env["OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"] || env["OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"];
  const limit = given === undefined || given === "" ? Number.NaN : Number(given);
  return Number.isInteger(limit) && limit >= 0 ? limit : Number.POSITIVE_INFINITY;
}
