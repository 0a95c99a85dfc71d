import { BangerError } from "./contract/errors.ts";
import type { Method } from "./contract/method.ts";
import { operationName } from "./operation-name.ts";

/** The parameters as the method's declaration has them, with its defaults; what doesn't fit is said in plain words, the first of it. */
export function checkParams(method: Method, params: unknown): unknown {
  const parsed = method.params.safeParse(params);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  // Which of several it is, what is said of it tells.
  const field = issue?.path.filter((part) => typeof part === "string").join(".") || "params";
  throw new BangerError(
    "bad_params",
    `${operationName(method.name)}: ${field}: ${plainly(issue?.message ?? "invalid")}`,
    {
      details: { field },
    },
  );
}

/** The result, where the declaration allows it: another is a bug of this side's. */
export function checkResult(method: Method, result: unknown): unknown {
  const parsed = method.result.safeParse(result);
  if (parsed.success) return parsed.data;
  throw new BangerError("internal", `${method.name} made a result that its declaration does not allow`, {
    cause: parsed.error,
  });
}

/** What zod says of a value of another type, in words like the other messages'. */
function plainly(message: string): string {
  const [, expected = "", received = ""] = /^Invalid input: expected (\w+), received (\w+)$/.exec(message) ?? [];
  const [, options] = /^Invalid option: expected one of (.*)$/.exec(message) ?? [];
  if (options !== undefined) return `must be one of ${options.replaceAll('"', "").replaceAll("|", ", ")}`;
  if (expected === "") return message;
  const one = (kind: string) => (kind === "null" ? kind : `${/^[aeio]/.test(kind) ? "an" : "a"} ${kind}`);
  return received === "undefined"
    ? `missing; ${one(expected)} is expected`
    : `${one(expected)} is expected, not ${one(received)}`;
}
