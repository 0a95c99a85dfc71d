/** How a person writes an amount that the wire has as a bare number of MiB or of seconds. */
export interface AmountText {
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
const dayS = 86_400;
const seconds = [
  ["h", 3600],
  ["m", 60],
  ["s", 1],
] as const;

/** Sizes, of which the wire has MiB: `512M`, `4G`. */
export const sizeText: AmountText = {
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

/** Times, of which the wire has seconds: `90s`, `1h30m`. */
export const timeText: AmountText = {
  called: "a time",
  example: "90s, 2m, 8h or 1d",
  likely: (text) => (/^\d+$/.test(text) ? `${text}s` : undefined),
  read: (text) => {
    if (text === "0") return 0;
    const [, days, ...parts] = /^(?=\d)(?:(\d{1,6})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?$/.exec(text) ?? [
      "",
    ];
    if (parts.length === 0) return undefined;
    return parts.reduce(
      (sum, part, index) => sum + Number(part ?? 0) * (seconds[index]?.[1] ?? 0),
      Number(days ?? 0) * dayS,
    );
  },
  show: (total) => {
    const [letter, length] = seconds.find(([, unit]) => total > 0 && total % unit === 0) ?? ["s", 1];
    return `${total / length}${letter}`;
  },
};

function whole(value: number): number | undefined {
  return Number.isSafeInteger(value) ? value : undefined;
}
