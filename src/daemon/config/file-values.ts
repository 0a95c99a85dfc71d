import { z } from "zod";
import { type AmountText, sizeText, timeText } from "../../rpc/amount-text.ts";
import { label } from "../../rpc/contract/fields.ts";

/** The limits of an amount, in the wire's units. */
interface Limits {
  readonly minValue: number | null;
  readonly maxValue: number | null;
}

/** A size as a person writes it, in MiB. */
export const size = (limits: Limits) => amountText(sizeText, limits);
/** A time as a person writes it, in seconds. */
export const time = (limits: Limits) => amountText(timeText, limits);

/** An amount in a text, within the limits that the wire has for it. */
function amountText({ called, example, likely, read, show }: AmountText, { minValue, maxValue }: Limits) {
  const accepted = `must be ${called} from ${show(minValue ?? 0)} to ${show(maxValue ?? 0)}, in quotes, like ${example}`;
  // As it is shown, and written on a command line: no unit makes a nothing more or less.
  const text = z.preprocess((value) => (value === 0 ? "0" : value), z.string({ error: accepted }));
  return text.transform((text, context): number => {
    const amount = read(text);
    if (amount !== undefined && amount >= (minValue ?? amount) && amount <= (maxValue ?? amount)) return amount;
    const meant = amount === undefined ? likely(text) : undefined;
    context.addIssue({
      code: "custom",
      message: `${accepted}${meant === undefined ? "" : `; did you mean "${meant}"?`}`,
      input: text,
    });
    return z.NEVER;
  });
}

/** One of a few words. */
export function oneOf<const W extends string>(words: readonly W[]) {
  return z.enum(words, { error: `must be ${words.map((word) => `"${word}"`).join(" or ")}` });
}

/** A truth. */
export const truth = z.boolean({ error: "must be true or false, without quotes" });

/** Labels: a table of texts. */
export const labels = z
  .record(z.string(), z.string({ error: "must be a text in quotes" }), {
    error: 'must be a table of texts, like { team = "infra" }',
  })
  .superRefine((table, context) => {
    for (const [key, value] of Object.entries(table)) {
      const { error } = label.safeParse(`${key}=${value}`);
      if (error === undefined) continue;
      const message = "must be a label: its key 1 to 63 of a-z, 0-9, ., _, - and /, its value at most 255 characters";
      context.addIssue({ code: "custom", message, path: [key], input: value });
    }
    if (Object.keys(table).length > 64) context.addIssue({ code: "custom", message: "must be at most 64 labels" });
  });
