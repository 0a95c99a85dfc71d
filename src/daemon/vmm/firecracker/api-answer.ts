import { z } from "zod";
import { BangerError, type ErrorCode } from "../../../rpc/contract/errors.ts";
import { lackOfMemory } from "../../../rpc/host-trouble.ts";
import { printableLine } from "../../../rpc/printable.ts";
import type { Schemas } from "./api-types.ts";

/** What came back: a status and a body, of which nothing is known yet. */
export interface RawAnswer {
  readonly status: number;
  readonly body: string;
}

/** What is said of it where the host lacks something. */
const hostsFault: readonly (readonly [ErrorCode, RegExp])[] = [
  ["no_space", /No space left on device/],
  ["host_failed", lackOfMemory],
];
/** So much of an answer is shown. */
const mostWords = 300;

/** Some fields of a published schema, by names that it has. */
type Of<S extends keyof Schemas, Name extends keyof Schemas[S]> = {
  readonly [N in Name]?: Schemas[S][N] | null | undefined;
};

const bytes = z.int().min(0);
const bootSource = z.object({ kernel_image_path: z.string() }) satisfies z.ZodType<
  Of<"BootSource", "kernel_image_path">
>;
const drive = z.object({ drive_id: z.string(), path_on_host: z.string().nullish() }) satisfies z.ZodType<
  Of<"Drive", "drive_id" | "path_on_host">
>;
/** What is read of what is answered, by the paths that are asked. */
const shapes = {
  "/": z.object({
    app_name: z.string(),
    id: z.string(),
    state: z.enum(["Not started", "Running", "Paused"]),
    vmm_version: z.string(),
  }) satisfies z.ZodType<Schemas["InstanceInfo"]>,
  "/version": z.object({ firecracker_version: z.string() }) satisfies z.ZodType<Schemas["FirecrackerVersion"]>,
  "/balloon/statistics": z.object({
    total_memory: bytes.optional(),
    available_memory: bytes.optional(),
  }) satisfies z.ZodType<Of<"BalloonStats", "total_memory" | "available_memory">>,
  "/vm/config": z.object({
    // Empty until it is set.
    "boot-source": bootSource.default({ kernel_image_path: "" }),
    drives: z.array(drive).default([]),
  }) satisfies z.ZodType<Record<keyof Pick<Schemas["FullVmConfiguration"], "boot-source" | "drives">, unknown>>,
};

/** What is read, and what that answers. */
export type Answers = { readonly [P in keyof typeof shapes]: z.output<(typeof shapes)[P]> };

const fault: z.ZodType<Required<Schemas["Error"]>> = z.object({ fault_message: z.string() });

/** What was answered to a path that is read; throws what refuses it. */
export function readAnswer<P extends keyof Answers>(path: P, answer: RawAnswer): Answers[P] {
  const request = `GET ${path}`;
  mustBeGranted(request, answer);
  const shape: z.ZodType = shapes[path];
  const body = shape.safeParse(jsonOf(answer.body));
  if (answer.status !== 200 || !body.success) throw unpromised(request, answer);
  return body.data as Answers[P];
}

/** Throws unless a request, which a sentence names so, was granted; there is nothing more in such an answer. */
export function mustBeDone(request: string, answer: RawAnswer): void {
  mustBeGranted(request, answer);
  if (answer.status !== 204 || answer.body !== "") throw unpromised(request, answer);
}

function mustBeGranted(request: string, answer: RawAnswer): void {
  if (answer.status < 400) return;
  const said = fault.safeParse(jsonOf(answer.body));
  if (!said.success) throw unpromised(request, answer);
  const words = shown(said.data.fault_message);
  const [code = "command_failed"] = hostsFault.find(([, says]) => says.test(words)) ?? [];
  throw new BangerError(code, `Firecracker refused ${request}: ${words}`);
}

function unpromised(request: string, { status, body }: RawAnswer): BangerError {
  const words = shown(body);
  const what = `${status}${words === "" ? ", and nothing more" : ` ${words}`}`;
  return new BangerError(
    "command_failed",
    `Firecracker answered ${request} with what its API doesn't promise: ${what}`,
  );
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** Its words in one line that a terminal may show. */
function shown(words: string): string {
  return printableLine(words.slice(0, mostWords));
}
