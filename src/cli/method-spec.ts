/** A value that a flag or a position on the command line may have. */
export type ParamValue = string | number | boolean | string[];

/** A parameter of a method, as the command line needs to know it. */
export interface ParamSpec {
  /** As the wire has it; the flag is the same with `-` for `_`; an amount's name ends with its unit (`unit.ts`). */
  readonly name: string;
  readonly type: "string" | "integer" | "boolean";
  /** True for a list: the flag may be repeated. */
  readonly many: boolean;
  readonly required: boolean;
  readonly default?: ParamValue;
  /** What the daemon takes when nobody says, unless the owner's config file does. */
  readonly usual?: ParamValue;
  /** The limits of an integer. */
  readonly minimum?: number;
  readonly maximum?: number;
  readonly choices?: readonly string[];
  readonly summary: string;
}

/** A method of the daemon, as the command line needs to know it. */
export interface MethodSpec {
  readonly name: string;
  readonly summary: string;
  readonly traced: boolean;
  /** True for what may outlive its caller: it takes --detach. */
  readonly begins: boolean;
  readonly params: readonly ParamSpec[];
}
