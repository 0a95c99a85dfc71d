import type { ParamSpec } from "./method-spec.ts";

/** How a person writes an amount that the wire has as a bare number. A parameter's name ends with its unit. */
export interface Unit {
  /** Of the parameter's name. */
  readonly suffix: string;
  readonly placeholder: string;
  /** What a value is called, with an example. */
  readonly called: string;
  readonly example: string;
  /** What was most likely meant by what can't be read; undefined where nobody knows. */
  readonly likely: (text: string) => string | undefined;
  /** The wire's number; undefined for what can't be read, or is no whole number of the wire's units. */
  readonly read: (text: string) => number | undefined;
  readonly show: (value: number) => string;
}

const sizes: Readonly<Record<string, number>> = { k: 1 / 1024, m: 1, g: 1024, t: 1024 * 1024 };
const seconds = [
  ["h", 3600],
  ["m", 60],
  ["s", 1],
] as const;

const mebibytes: Unit = {
  suffix: "-mib",
  placeholder: "SIZE",
  called: "a size",
  example: "512M or 4G",
  likely: (text) => {
    const [, amount, letter = "M"] = /^(\d+|\d+\.\d+(?=[kmgt]))(?:([kmgt])(?:b|i))?$/i.exec(text) ?? [];
    return Number(amount) > 0 ? `${amount}${letter.toUpperCase()}` : undefined;
  },
  read: (text) => {
    const [, amount, letter] = /^(\d{1,15}(?:\.\d{1,6})?)([kmgt])(?:ib)?$/i.exec(text) ?? [];
    return amount === undefined || letter === undefined
      ? undefined
      : whole(Number(amount) * (sizes[letter.toLowerCase()] ?? Number.NaN));
  },
  show: (mib) => {
    const letter = (["t", "g"] as const).find((unit) => mib > 0 && mib % (sizes[unit] ?? 1) === 0) ?? "m";
    return `${mib / (sizes[letter] ?? 1)}${letter.toUpperCase()}`;
  },
};

const time: Unit = {
  suffix: "-s",
  placeholder: "TIME",
  called: "a time",
  example: "90s or 2m",
  likely: (text) => (/^\d+$/.test(text) ? `${text}s` : undefined),
  read: (text) => {
    if (text === "0") return 0;
    const parts = /^(?=\d)(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?$/.exec(text)?.slice(1);
    return parts?.reduce((sum, part, index) => sum + Number(part ?? 0) * (seconds[index]?.[1] ?? 0), 0);
  },
  show: (total) => {
    const [letter, length] = seconds.find(([, unit]) => total > 0 && total % unit === 0) ?? ["s", 1];
    return `${total / length}${letter}`;
  },
};

/** The unit that a parameter's name ends with. */
export function unitOf({ name, type }: Pick<ParamSpec, "name" | "type">): Unit | undefined {
  if (type !== "integer") return undefined;
  return [mebibytes, time].find(({ suffix }) => name.endsWith(suffix.replace("-", "_")));
}

function whole(value: number): number | undefined {
  return Number.isSafeInteger(value) ? value : undefined;
}
