// Writes what is derived from the contract: the CLI's table of methods, and the reference pages, that of the config file's keys too; and the types of Firecracker's API. With --check it only compares.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import type { MethodSpec, ParamSpec } from "../src/cli/method-spec.ts";
import { configReference } from "./generate/config-reference.ts";
import { errorReference } from "./generate/error-reference.ts";
import { firecrackerApi } from "./generate/firecracker-api.ts";
import { logReference } from "./generate/log-reference.ts";
import { methodReference } from "./generate/method-reference.ts";
import { declaredContract } from "../src/rpc/contract/daemon.ts";
import type { Method } from "../src/rpc/contract/method.ts";

interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: ParamSpec["default"];
  readonly usual?: ParamSpec["usual"];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly enum?: string[];
  readonly anyOf?: JsonSchema[];
}

function paramSpecs(method: Method): ParamSpec[] {
  const schema = z.toJSONSchema(method.params, { io: "input", unrepresentable: "any" });
  const required = new Set(schema.required ?? []);
  return Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>).map(([name, property]) => {
    const many = property.type === "array";
    const type = many ? "string" : (property.type ?? property.anyOf?.[0]?.type);
    if (type !== "string" && type !== "integer" && type !== "boolean") {
      throw new Error(`${method.name}: ${name} is of a type that a command line has no form for`);
    }
    return {
      name,
      type,
      many,
      required: required.has(name),
      ...(property.default === undefined ? {} : { default: property.default }),
      ...(property.usual === undefined ? {} : { usual: property.usual }),
      ...(isLimit(property.minimum) ? { minimum: property.minimum } : {}),
      ...(isLimit(property.maximum) ? { maximum: property.maximum } : {}),
      ...(property.enum === undefined ? {} : { choices: property.enum }),
      summary: property.description ?? "",
    };
  });
}

/** True for a limit that someone set: every integer has those of exact numbers. */
function isLimit(value: number | undefined): value is number {
  return value !== undefined && Math.abs(value) < Number.MAX_SAFE_INTEGER;
}

function methodTable(): string {
  const specs: Record<string, MethodSpec> = {};
  for (const [key, method] of Object.entries<Method>(declaredContract)) {
    // Spans are handed over by the CLI itself, never by a command.
    const params = key === "traceSubmit" ? [] : paramSpecs(method);
    specs[key] = { name: method.name, summary: method.summary, traced: method.traced, begins: method.begins, params };
  }
  return `// Made by scripts/generate.ts from src/rpc/contract, so that the CLI starts without zod. Do not edit.
import type { MethodSpec } from "../method-spec.ts";

/** The daemon's methods, as the command line needs to know them. */
export const methods = ${JSON.stringify(specs, null, 2)} as const satisfies Record<string, MethodSpec>;
`;
}

const files: Record<string, () => string | Promise<string>> = {
  "src/cli/generated/methods.ts": methodTable,
  "src/daemon/vmm/firecracker/generated/api.ts": firecrackerApi,
  "docs/reference/methods.md": methodReference,
  "docs/reference/errors.md": errorReference,
  "docs/reference/config.md": configReference,
  "docs/reference/logs.md": logReference,
  // Read only now: the commands themselves read the table above.
  "docs/reference/commands.md": async () => (await import("./generate/command-reference.ts")).commandReference(),
};

const check = process.argv.includes("--check");
let stale = 0;
for (const [path, make] of Object.entries(files)) {
  const text = await make();
  if (existsSync(path) && readFileSync(path, "utf8") === text) continue;
  if (check) {
    process.stderr.write(`${path} is not what it is made from says; run \`node scripts/generate.ts\`\n`);
    stale++;
  } else {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
}
process.exitCode = stale === 0 ? 0 : 1;
