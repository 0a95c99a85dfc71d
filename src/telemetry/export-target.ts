import { isSet, SwitchError, valueOf } from "./environment.ts";

/** Where traces are sent. */
export interface ExportTarget {
  /** The whole address, credentials and all. */
  readonly url: string;
  /** The address as it may be shown: without a user, a password, a query. */
  readonly shown: string;
}

/** Where OpenTelemetry's variables say that traces are sent; without any, `otlp` being asked for, where its specification has it. */
export function exportTarget(env: NodeJS.ProcessEnv, asked: boolean): ExportTarget | undefined {
  const traces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
  const own = valueOf(env, traces);
  if (own !== undefined) return targetOf(parse(traces, own));
  const all = "OTEL_EXPORTER_OTLP_ENDPOINT";
  const base = valueOf(env, all) ?? (asked ? "http://localhost:4318" : undefined);
  if (base === undefined) return undefined;
  const url = parse(all, base);
  if (/\/v1\/traces\/*$/.test(url.pathname)) {
    throw new SwitchError(all, `ends with /v1/traces, which is added to it; leave that out, or say it in ${traces}`);
  }
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/traces`;
  return targetOf(url);
}

/** Where logs are sent: only where that is asked for, since they are on standard output too. */
export function logsEndpoint(env: NodeJS.ProcessEnv): string | undefined {
  const name = "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT";
  const endpoint = valueOf(env, name);
  const exporter = valueOf(env, "OTEL_LOGS_EXPORTER") ?? "otlp";
  if (isSet(env, "OTEL_SDK_DISABLED") || exporter === "none" || endpoint === undefined) return undefined;
  if (exporter !== "otlp") {
    throw new SwitchError("OTEL_LOGS_EXPORTER", `${JSON.stringify(exporter)} isn't known; otlp, none are`);
  }
  parse(name, endpoint);
  return endpoint;
}

function targetOf(url: URL): ExportTarget {
  url.hash = "";
  return { url: url.href, shown: `${url.origin}${url.pathname}` };
}

function parse(name: string, text: string): URL {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  // What may hold a password isn't repeated.
  const said = text.includes("@") ? "it" : JSON.stringify(text.slice(0, 80));
  throw new SwitchError(name, `${said} is no http or https address; one is http://127.0.0.1:4318`);
}
