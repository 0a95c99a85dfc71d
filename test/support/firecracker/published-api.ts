import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";

/** A schema as Swagger 2.0 has it, as far as Firecracker's API uses it. */
interface Schema {
  readonly $ref?: string;
  readonly type?: "object" | "string" | "integer" | "boolean" | "array";
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean;
  readonly enum?: readonly unknown[];
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
}

interface Operation {
  readonly summary: string;
  readonly parameters?: readonly { readonly in: string; readonly required?: boolean; readonly schema?: Schema }[];
  readonly responses: Readonly<Record<string, { readonly schema?: Schema }>>;
}

interface Published {
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly definitions: Readonly<Record<string, Schema>>;
}

/** When a request may be made: before its guest is started, after, or whenever. */
export type When = "before" | "after" | "whenever";

/** A request that is published. */
export interface Known {
  /** The path as it is published, with braces. */
  readonly template: string;
  /** What the path has for the braces. */
  readonly id: string | undefined;
  readonly when: When;
  /** What is wrong with a body; undefined when nothing is. */
  readonly wrong: (body: unknown) => string | undefined;
}

const published = parse(
  readFileSync(join(import.meta.dirname, "../../../src/daemon/vmm/firecracker/api.yaml"), "utf8"),
) as Published;

/** The version that the API is published for. */
export const publishedVersion = published.info.version;

/** What the publication doesn't say of when, or says otherwise than v1.16.1 does (rpc_interface.rs). */
const whens: Readonly<Record<string, When>> = {
  "PUT /logger": "before",
  "PUT /metrics": "before",
  "PUT /serial": "before",
  "PUT /vsock": "before",
  "PUT /balloon": "before",
  "PUT /mmds/config": "before",
  "PATCH /vm": "after",
  "PATCH /balloon": "after",
  "GET /balloon/statistics": "after",
};

/** Finds a request in the publication; undefined where there is none. */
export function findRequest(method: string, path: string): Known | undefined {
  for (const [template, operations] of Object.entries(published.paths)) {
    const operation = operations[method.toLowerCase()];
    const found = new RegExp(`^${template.replace(/\{\w+\}/, "([^/]+)")}$`).exec(path);
    if (operation === undefined || found === null) continue;
    const body = operation.parameters?.find((parameter) => parameter.in === "body");
    const wrong = (given: unknown) =>
      body?.schema === undefined ? undefined : whatIsWrong(given, body.schema, body.required === true);
    return { template, id: found[1], when: whenOf(method, template, operation), wrong };
  }
  return undefined;
}

/** What is wrong with an answer's body; undefined when it is as published. */
export function wrongAnswer(method: string, template: string, status: number, body: unknown): string | undefined {
  const responses = published.paths[template]?.[method.toLowerCase()]?.responses;
  const { schema } = responses?.[status] ?? responses?.["default"] ?? {};
  return schema === undefined ? undefined : wrongIn(body, schema, "answer");
}

function whenOf(method: string, template: string, { summary }: Operation): When {
  const said = /Pre-boot only/.test(summary) ? "before" : /Post-boot only/.test(summary) ? "after" : "whenever";
  return whens[`${method} ${template}`] ?? said;
}

function whatIsWrong(body: unknown, schema: Schema, required: boolean): string | undefined {
  if (body === undefined) return required ? "a body is missing" : undefined;
  return wrongIn(body, schema, "body");
}

/** As strict as Firecracker is: what isn't published is wrong too. */
function wrongIn(value: unknown, schema: Schema, at: string): string | undefined {
  if (schema.$ref !== undefined) {
    const found = published.definitions[schema.$ref.replace("#/definitions/", "")];
    return found === undefined ? `${at}: ${schema.$ref} isn't published` : wrongIn(value, found, at);
  }
  if (schema.enum !== undefined && !schema.enum.includes(value)) return `${at}: unknown variant \`${String(value)}\``;
  switch (schema.type) {
    case "string":
    case "boolean":
      return typeof value === schema.type ? undefined : `${at}: invalid type, expected a ${schema.type}`;
    case "integer":
      return wrongNumber(value, schema, at);
    case "array":
      if (!Array.isArray(value)) return `${at}: invalid type, expected a sequence`;
      return first(value, (item, index) => wrongIn(item, schema.items ?? {}, `${at}[${index}]`));
    case "object":
      return wrongObject(value, schema, at);
    case undefined:
      return undefined;
    default:
      return `${at}: the type ${String(schema.type)} isn't known here`;
  }
}

function wrongNumber(value: unknown, { minimum = -Infinity, maximum = Infinity }: Schema, at: string) {
  if (!Number.isInteger(value)) return `${at}: invalid type, expected an integer`;
  const number = value as number;
  return number < minimum || number > maximum ? `${at}: ${number} is not in ${minimum}..=${maximum}` : undefined;
}

function wrongObject(value: unknown, schema: Schema, at: string): string | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return `${at}: invalid type, expected a map`;
  const missing = schema.required?.find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) return `${at}: missing field \`${missing}\``;
  return first(Object.entries(value), ([name, field]) => {
    const known = schema.properties?.[name];
    if (known !== undefined) return wrongIn(field, known, `${at}.${name}`);
    return schema.additionalProperties === true ? undefined : `${at}: unknown field \`${name}\``;
  });
}

function first<T>(list: readonly T[], find: (item: T, index: number) => string | undefined): string | undefined {
  for (const [index, item] of list.entries()) {
    const found = find(item, index);
    if (found !== undefined) return found;
  }
  return undefined;
}
