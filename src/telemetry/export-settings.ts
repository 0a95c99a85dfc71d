import { isSet, SwitchError, valueOf } from "./environment.ts";
import { type ExportTarget, exportTarget, logsEndpoint } from "./export-target.ts";
import { type ExportTls, readTls } from "./export-tls.ts";
import { parseHeaders, parseResourceAttributes } from "./name-value-list.ts";
import type { SpanLimits } from "./readable-span.ts";
import { checkSwitch, switches } from "./switches.ts";

/** How traces are sent, or why they aren't. */
export type ExportSettings =
  | { readonly off: string }
  | {
      readonly off?: undefined;
      readonly target: ExportTarget;
      readonly protocol: "http/json" | "http/protobuf";
      readonly headers: Readonly<Record<string, string>>;
      readonly tls: ExportTls;
      readonly gzip: boolean;
      readonly timeoutMs: number;
      readonly resource: Readonly<Record<string, string>>;
      readonly serviceName: string | undefined;
      readonly isSampled: (traceId: string) => boolean;
      readonly limits: SpanLimits;
      readonly batch: { delayMs: number; timeoutMs: number; queue: number; spans: number };
      readonly logLevel: string | undefined;
    };

/** Reads what OpenTelemetry's variables say of traces; throws a SwitchError that names the one that can't be heeded. */
export function readSwitches(env: NodeJS.ProcessEnv): ExportSettings {
  // A file in whose place all others would stand is refused whatever these say.
  checkSwitch(env, "OTEL_CONFIG_FILE");
  checkSwitch(env, "OTEL_TRACES_EXPORTER");
  logsEndpoint(env);
  if (isSet(env, "OTEL_SDK_DISABLED")) return { off: "OTEL_SDK_DISABLED" };
  const exporters = (valueOf(env, "OTEL_TRACES_EXPORTER") ?? "").split(",").map((exporter) => exporter.trim());
  if (exporters.includes("none")) return { off: "OTEL_TRACES_EXPORTER" };
  const target = exportTarget(env, exporters.includes("otlp"));
  if (target === undefined) return { off: "OTEL_EXPORTER_OTLP_ENDPOINT is not set" };
  for (const { name } of switches) checkSwitch(env, name);
  const queue = numberOf(env, "OTEL_BSP_MAX_QUEUE_SIZE") ?? 2_048;
  const spans = numberOf(env, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE") ?? Math.min(512, queue);
  if (spans > queue)
    throw new SwitchError("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", `${spans} is more than the queue of ${queue}`);
  const resource = parseResourceAttributes(valueOf(env, "OTEL_RESOURCE_ATTRIBUTES") ?? "");
  return {
    target,
    protocol: (forTraces(env, "PROTOCOL") ?? "http/json") as "http/json" | "http/protobuf",
    headers: {
      ...parseHeaders(valueOf(env, "OTEL_EXPORTER_OTLP_HEADERS") ?? ""),
      ...parseHeaders(valueOf(env, "OTEL_EXPORTER_OTLP_TRACES_HEADERS") ?? ""),
    },
    tls: readTls(env),
    gzip: forTraces(env, "COMPRESSION") === "gzip",
    timeoutMs: Number(forTraces(env, "TIMEOUT") ?? 5_000),
    resource,
    serviceName: valueOf(env, "OTEL_SERVICE_NAME") ?? resource["service.name"],
    isSampled: sampler(env),
    limits: {
      valueLength: limit(env, "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"),
      attributes: limit(env, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
      links: limit(env, "OTEL_SPAN_LINK_COUNT_LIMIT"),
      events: limit(env, "OTEL_SPAN_EVENT_COUNT_LIMIT"),
      eventAttributes: limit(env, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT"),
    },
    batch: {
      delayMs: numberOf(env, "OTEL_BSP_SCHEDULE_DELAY") ?? 500,
      timeoutMs: numberOf(env, "OTEL_BSP_EXPORT_TIMEOUT") ?? 30_000,
      queue,
      spans,
    },
    logLevel: valueOf(env, "OTEL_LOG_LEVEL")?.toLowerCase(),
  };
}

function forTraces(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return valueOf(env, `OTEL_EXPORTER_OTLP_TRACES_${name}`) ?? valueOf(env, `OTEL_EXPORTER_OTLP_${name}`);
}

function numberOf(env: NodeJS.ProcessEnv, name: string): number | undefined {
  const value = valueOf(env, name);
  return value === undefined ? undefined : Number(value);
}

function limit(env: NodeJS.ProcessEnv, ...names: readonly string[]): number {
  for (const name of names) {
    const given = numberOf(env, name);
    if (given !== undefined) return given;
  }
  return Number.POSITIVE_INFINITY;
}

/** Which traces the sampler lets through to a collector; each is recorded here. */
function sampler(env: NodeJS.ProcessEnv): (traceId: string) => boolean {
  const named = (valueOf(env, "OTEL_TRACES_SAMPLER") ?? "always_on").replace(/^parentbased_/, "");
  if (named === "always_off") return () => false;
  if (named !== "traceidratio") return () => true;
  const bound = Math.floor((numberOf(env, "OTEL_TRACES_SAMPLER_ARG") ?? 1) * 2 ** 32);
  return (traceId) => Number.parseInt(traceId.slice(0, 8), 16) < bound;
}
