import { createHash } from "node:crypto";
import { arch, hostname, release } from "node:os";
import { type Resource, resourceFromAttributes } from "@opentelemetry/resources";
import { valueOf } from "./environment.ts";
import { parseResourceAttributes } from "./name-value-list.ts";
import { attribute, services } from "./names.ts";
import type { SpanRecord } from "./span-record.ts";

/** What resources are made from. */
export interface ResourcesDeps {
  /** What OTEL_RESOURCE_ATTRIBUTES says. */
  readonly given: Readonly<Record<string, string>>;
  /** The service in whose environment that stands. */
  readonly own: string;
  /** What the environment calls that service. */
  readonly ownName: string | undefined;
  /** Which run of the host this is: a process is told from another by it and by its number. */
  readonly bootId: string;
}

/** So many are remembered: each command is a process of its own. */
const remembered = 64;
/** OpenTelemetry's namespace for ids that are made from others. */
const namespace = "4d63009a8d0f11eeaad74c796ed8e320";

const isOfOneService: ReadonlySet<string> = new Set(["service.version", "service.instance.id"]);

/** Says of a span which service it is of, on which host and in which process, as OpenTelemetry's conventions name these. */
export function createResources(deps: ResourcesDeps): (span: SpanRecord) => Resource {
  const made = new Map<string, Resource>();
  return (span) => {
    const id = span.service === services.guest ? span.attributes[attribute.vmId] : span.pid;
    const key = `${span.service} ${String(id)} ${span.version}`;
    const known = made.get(key) ?? resourceFromAttributes(resourceOf(deps, span));
    // What was asked for last is the last to go.
    made.delete(key);
    made.set(key, known);
    const [oldest] = made.keys();
    if (made.size > remembered && oldest !== undefined) made.delete(oldest);
    return known;
  };
}

/** What the log records of a process are of; what its environment says of resources and can't be read is left out. */
export function logResource(
  env: NodeJS.ProcessEnv,
  { service, version, bootId }: { readonly service: string; readonly version: string; readonly bootId: string },
): Record<string, string | number> {
  const given = readable(() => parseResourceAttributes(valueOf(env, "OTEL_RESOURCE_ATTRIBUTES") ?? ""));
  const ownName = valueOf(env, "OTEL_SERVICE_NAME") ?? given["service.name"];
  return resourceOf({ given, own: service, ownName, bootId }, { service, version, pid: process.pid, attributes: {} });
}

function readable(read: () => Record<string, string>): Record<string, string> {
  try {
    return read();
  } catch {
    return {};
  }
}

/** What a resource is made from. */
type OfProcess = Pick<SpanRecord, "service" | "version" | "pid" | "attributes">;

/** What the environment says stands before what is found out here; a name, a version, a process or a host that it names isn't another's. */
function resourceOf({ given, own, ownName, bootId }: ResourcesDeps, span: OfProcess): Record<string, string | number> {
  const { service, version, pid } = span;
  const isOwn = service === own;
  const elsewhere = service === services.guest ? /^(process|host|os)\./ : /^process\./;
  const said = Object.entries(given).filter(
    ([name]) => name !== "service.name" && (isOwn || !(isOfOneService.has(name) || elsewhere.test(name))),
  );
  return {
    "service.name": isOwn ? (ownName ?? service) : service,
    ...(version === undefined ? {} : { "service.version": version }),
    ...(service === services.guest ? guestOf(span) : hostOf(service, pid, bootId)),
    ...Object.fromEntries(said),
  };
}

function hostOf(service: string, pid: number | undefined, bootId: string): Record<string, string | number> {
  return {
    "host.name": hostname(),
    "host.arch": arch() === "x64" ? "amd64" : arch(),
    "os.type": "linux",
    "os.version": release(),
    ...(pid === undefined ? {} : { "process.pid": pid, "service.instance.id": uuidOf(`${service} ${bootId} ${pid}`) }),
  };
}

/** A guest is a host of its own, called as its VM is. */
function guestOf({ attributes }: OfProcess): Record<string, string | number> {
  const { [attribute.vmId]: id, [attribute.vmName]: name } = attributes;
  return {
    "os.type": "linux",
    ...(typeof id === "string" ? { "service.instance.id": id } : {}),
    ...(typeof name === "string" ? { "host.name": name } : {}),
  };
}

/** A UUID of version 5. */
function uuidOf(text: string): string {
  const bytes = createHash("sha1").update(Buffer.from(namespace, "hex")).update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
