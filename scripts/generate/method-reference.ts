import { z } from "zod";
import { declaredContract } from "../../src/rpc/contract/daemon.ts";
import { helperContract } from "../../src/rpc/contract/helper.ts";
import type { Method } from "../../src/rpc/contract/method.ts";

interface JsonSchema {
  readonly type?: string | string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly usual?: unknown;
  readonly enum?: unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: JsonSchema;
  readonly anyOf?: JsonSchema[];
  readonly properties?: Record<string, JsonSchema>;
  readonly required?: string[];
}

/** The page of the wire's methods. */
export function methodReference(): string {
  return `# Methods

Made from \`src/rpc/contract\`. A request is one line of JSON: \`{"id": "1", "method": "vm.start", "params": {"vm": "web"}}\`; the answer
has the same \`id\` and either \`result\` or \`error\`. \`v\`, \`op_id\`, \`traceparent\` and \`deadline_ms\` are optional. Beyond the codes that are listed, every
method may answer \`bad_params\`, \`op_id_reused\`, \`cancelled\`, \`deadline_exceeded\` and \`internal\`.

A method that may outlive its caller has three more: \`vm.create.begin\` takes the same parameters and answers at once with the operation, as
\`operation.status\` gives it; its id is the op_id of the request. \`vm.create.status\` and \`vm.create.cancel\` are \`operation.status\` and
\`operation.cancel\` of a \`vm.create\`. The same op_id and the same parameters again are the same operation; with other parameters they are \`op_id_reused\`.
\`operation.wait\` sends the events \`step\` (\`step\`, \`phase\`, \`elapsed_ms\`) and \`progress\` (\`text\`), each with its \`number\`: whoever comes back goes on from there.

## Of the daemon

${section(declaredContract)}
## Of the root helper

${section(helperContract)}`;
}

function section(contract: Record<string, Method>): string {
  return Object.values(contract).map(describe).join("\n");
}

function describe(method: Method): string {
  const params = z.toJSONSchema(method.params, { io: "input", unrepresentable: "any" }) as JsonSchema;
  const required = new Set(params.required ?? []);
  const rows = Object.entries(params.properties ?? {}).map(([name, property]) => {
    const { usual, default: preset = usual } = property;
    const shown = preset === undefined ? "" : ` (default \`${JSON.stringify(preset)}\`)`;
    const need = required.has(name) ? "" : ", optional";
    return `- \`${name}\`: ${typeOf(property)}${need}${property.description === undefined ? "" : `; ${property.description}`}${shown}`;
  });
  const result = z.toJSONSchema(method.result, { unrepresentable: "any" }) as JsonSchema;
  const fields = Object.keys(result.properties ?? {}).map((name) => `\`${name}\``);
  return [
    `### ${method.name}`,
    "",
    `${method.summary}${method.traced ? "" : " A poll: it opens no span."}`,
    "",
    ...rows,
    `- result: ${fields.length === 0 ? "nothing" : fields.join(", ")}`,
    ...(method.begins ? [`- may outlive its caller: \`${method.name}.begin\`, \`.status\`, \`.cancel\``] : []),
    ...(method.errors.length === 0
      ? []
      : [`- errors: ${[...new Set(method.errors)].map((code) => `\`${code}\``).join(", ")}`]),
    "",
  ].join("\n");
}

function typeOf(schema: JsonSchema): string {
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${String(value)}\``).join(" or ");
  if (schema.anyOf !== undefined) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.type === "array") return `list of ${typeOf(schema.items ?? {})}`;
  const least = schema.minimum ?? Number.MIN_SAFE_INTEGER;
  const most = schema.maximum ?? Number.MAX_SAFE_INTEGER;
  const range =
    least === Number.MIN_SAFE_INTEGER || most === Number.MAX_SAFE_INTEGER ? "" : ` from ${least} to ${most}`;
  return `${Array.isArray(schema.type) ? schema.type.join(" or ") : (schema.type ?? "anything")}${range}`;
}
