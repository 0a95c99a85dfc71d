import { BangerError } from "../../rpc/contract/errors.ts";
import { attribute } from "../../telemetry/names.ts";
import type { Spans } from "../../telemetry/spans.ts";
import { missingFeature } from "./missing-feature.ts";
import { KernelError } from "../kernel/libc.ts";

/** What a span of the kernel's work acted on. */
export type ActedOn = { readonly link: string } | { readonly table: string } | { readonly file: string };

/** Asks the kernel, in a span that says what was acted on; its refusal is `command_failed` in its own words. */
export function inKernel<T>(spans: Spans, name: string, on: ActedOn, ask: () => T): Promise<T> {
  return spans.span(name, { attributes: attributesOf(on) }, async () => {
    try {
      return ask();
    } catch (cause) {
      if (!isRefusal(cause)) throw cause;
      const hint = missingFeature(name, cause);
      throw new BangerError("command_failed", cause.message, {
        cause,
        ...(hint === undefined ? {} : { details: { hint } }),
      });
    }
  });
}

function attributesOf(on: ActedOn): Record<string, string> {
  if ("link" in on) return { [attribute.interfaceName]: on.link };
  return "table" in on ? { [attribute.table]: on.table } : { [attribute.file]: on.file };
}

/** A call of our own that was refused, or one of Node's for a file of the kernel's. */
function isRefusal(error: unknown): error is Error {
  return error instanceof KernelError || (error instanceof Error && "syscall" in error);
}
