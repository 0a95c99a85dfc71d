import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { SwitchError, valueOf } from "./environment.ts";

/** What a TLS connection to the collector is made with. */
export interface ExportTls {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** Reads the certificates and the key that OpenTelemetry's variables name; throws the name of one that can't be used. */
export function readTls(env: NodeJS.ProcessEnv): ExportTls {
  const ca = read(env, "CERTIFICATE", "ca");
  const cert = read(env, "CLIENT_CERTIFICATE", "cert");
  const key = read(env, "CLIENT_KEY");
  if ((cert === undefined) !== (key === undefined)) {
    const [given, missing] = key === undefined ? [cert?.name, "CLIENT_KEY"] : [key.name, "CLIENT_CERTIFICATE"];
    throw new SwitchError(given ?? "", `is of no use without OTEL_EXPORTER_OTLP_${missing}`);
  }
  if (cert !== undefined && key !== undefined) check(key.name, { cert: cert.bytes, key: key.bytes });
  return {
    ...(ca === undefined ? {} : { ca: ca.bytes }),
    ...(cert === undefined ? {} : { cert: cert.bytes }),
    ...(key === undefined ? {} : { key: key.bytes }),
  };
}

function read(env: NodeJS.ProcessEnv, suffix: string, as?: "ca" | "cert"): { name: string; bytes: Buffer } | undefined {
  const own = `OTEL_EXPORTER_OTLP_TRACES_${suffix}`;
  const name = valueOf(env, own) === undefined ? `OTEL_EXPORTER_OTLP_${suffix}` : own;
  const path = valueOf(env, name);
  if (path === undefined) return undefined;
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    throw new SwitchError(name, `${path} can't be read (${(error as NodeJS.ErrnoException).code ?? "?"})`);
  }
  if (as !== undefined) check(name, { [as]: bytes });
  return { name, bytes };
}

function check(name: string, options: { ca?: Buffer; cert?: Buffer; key?: Buffer }): void {
  if (options.ca !== undefined && !options.ca.includes("-----BEGIN"))
    throw new SwitchError(name, "the file is not PEM");
  try {
    createSecureContext(options);
  } catch (error) {
    throw new SwitchError(name, `the file can't be used: ${(error as Error).message}`);
  }
}
