import { SwitchError, valueOf } from "./environment.ts";
import { parseHeaders, parseResourceAttributes } from "./name-value-list.ts";

type Check = (value: string) => string | undefined;

/** What banger makes of one of OpenTelemetry's variables. `{}` stands for nothing and for `TRACES_`, which goes first. */
export interface Switch {
  readonly name: string;
  /** Says what is wrong with a value where traces are sent; absent where any will do. */
  readonly check?: Check;
  /** Why a value changes nothing. */
  readonly noEffect?: string;
}

const milliseconds = integer(1, 2 ** 31 - 1, "milliseconds");
const own = "what is recorded here is whole, and in banger's own ids";

/** Every variable that is known here. What is wrong with one is refused when the daemon starts; CLI and helper read none of them. */
export const switches: readonly Switch[] = [
  { name: "OTEL_SDK_DISABLED", check: (value) => oneOf("true", "false")(value.toLowerCase()) },
  { name: "OTEL_TRACES_EXPORTER", check: listOf("otlp", "none") },
  { name: "OTEL_EXPORTER_OTLP_{}ENDPOINT" },
  { name: "OTEL_EXPORTER_OTLP_{}PROTOCOL", check: oneOf("http/json", "http/protobuf") },
  { name: "OTEL_EXPORTER_OTLP_{}HEADERS", check: (value) => problemOf(() => parseHeaders(value)) },
  { name: "OTEL_EXPORTER_OTLP_{}TIMEOUT", check: milliseconds },
  { name: "OTEL_EXPORTER_OTLP_{}COMPRESSION", check: oneOf("gzip", "none") },
  { name: "OTEL_EXPORTER_OTLP_{}CERTIFICATE" },
  { name: "OTEL_EXPORTER_OTLP_{}CLIENT_CERTIFICATE" },
  { name: "OTEL_EXPORTER_OTLP_{}CLIENT_KEY" },
  { name: "OTEL_EXPORTER_OTLP_{}INSECURE", noEffect: "it is of gRPC; the endpoint says http or https" },
  { name: "OTEL_RESOURCE_ATTRIBUTES", check: (value) => problemOf(() => parseResourceAttributes(value)) },
  { name: "OTEL_SERVICE_NAME" },
  {
    name: "OTEL_TRACES_SAMPLER",
    check: oneOf(
      ...["always_on", "always_off", "traceidratio"].flatMap((sampler) => [sampler, `parentbased_${sampler}`]),
    ),
  },
  { name: "OTEL_TRACES_SAMPLER_ARG", check: (value) => (isRatio(value) ? undefined : "must be a number from 0 to 1") },
  { name: "OTEL_BSP_SCHEDULE_DELAY", check: milliseconds },
  { name: "OTEL_BSP_EXPORT_TIMEOUT", check: milliseconds },
  { name: "OTEL_BSP_MAX_QUEUE_SIZE", check: integer(1, 1_000_000, "spans") },
  { name: "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", check: integer(1, 1_000_000, "spans") },
  { name: "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", check: integer(0, 2 ** 31 - 1, "characters") },
  { name: "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", check: integer(0, 2 ** 31 - 1, "characters") },
  { name: "OTEL_ATTRIBUTE_COUNT_LIMIT", check: integer(0, 2 ** 31 - 1, "attributes") },
  { name: "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", check: integer(0, 2 ** 31 - 1, "attributes") },
  { name: "OTEL_SPAN_LINK_COUNT_LIMIT", check: integer(0, 2 ** 31 - 1, "links") },
  {
    name: "OTEL_LOG_LEVEL",
    check: (value) => oneOf("none", "error", "warn", "info", "debug", "verbose", "all")(value.toLowerCase()),
  },
  {
    name: "OTEL_CONFIG_FILE",
    check: () => "isn't read here; say the same with OTEL_EXPORTER_OTLP_ENDPOINT and the other variables",
  },
  { name: "OTEL_PROPAGATORS", noEffect: own },
  { name: "OTEL_SPAN_EVENT_COUNT_LIMIT", check: integer(0, 2 ** 31 - 1, "events") },
  { name: "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", check: integer(0, 2 ** 31 - 1, "attributes") },
  { name: "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", noEffect: "no link has attributes" },
  { name: "OTEL_NODE_RESOURCE_DETECTORS", noEffect: "what a resource says is fixed, but for OTEL_RESOURCE_ATTRIBUTES" },
  { name: "OTEL_EXPERIMENTAL_CONFIG_FILE", noEffect: own },
  { name: "OTEL_METRICS_EXPORTER", noEffect: "there are no metrics" },
];

/** Throws what is wrong with one of the table's variables, if anything is. */
export function checkSwitch(env: NodeJS.ProcessEnv, name: string): void {
  const check = switches.find((known) => known.name === name)?.check;
  for (const full of variablesOf(env, name)) {
    const value = valueOf(env, full);
    const problem = value === undefined ? undefined : check?.(value);
    if (problem !== undefined) throw new SwitchError(full, problem);
  }
}

/** What is said of the variables that are set and change nothing: each a line, with why. */
export function withoutEffect(env: NodeJS.ProcessEnv): string[] {
  return switches.flatMap(({ name, noEffect }) => {
    if (noEffect === undefined) return [];
    const names = name.includes("{}") ? [name.replace("{}", "TRACES_"), name.replace("{}", "")] : [name];
    return names
      .filter((full) => valueOf(env, full) !== undefined)
      .map((full) => `${full} changes nothing: ${noEffect}`);
  });
}

/** The variables that count: of two the one for traces, but headers of both are sent. */
function variablesOf(env: NodeJS.ProcessEnv, name: string): string[] {
  if (!name.includes("{}")) return [name];
  const [traces, all] = [name.replace("{}", "TRACES_"), name.replace("{}", "")];
  if (name.endsWith("HEADERS")) return [traces, all];
  return [valueOf(env, traces) === undefined ? all : traces];
}

function problemOf(read: () => unknown): string | undefined {
  try {
    read();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function oneOf(...values: readonly string[]): Check {
  return (value) =>
    values.includes(value) ? undefined : `${JSON.stringify(value.slice(0, 80))} isn't known; ${values.join(", ")} are`;
}

function listOf(...values: readonly string[]): Check {
  const check = oneOf(...values);
  return (value) =>
    value
      .split(",")
      .map((part) => check(part.trim()))
      .find((problem) => problem !== undefined);
}

function integer(least: number, most: number, unit: string): Check {
  return (value) =>
    /^\d+$/.test(value) && Number(value) >= least && Number(value) <= most
      ? undefined
      : `${JSON.stringify(value.slice(0, 80))} must be ${least} to ${most} ${unit}`;
}

function isRatio(value: string): boolean {
  return Number(value) >= 0 && Number(value) <= 1;
}
