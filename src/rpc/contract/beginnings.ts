import type { Method } from "./method.ts";
import { byReference, one, operation } from "./operation.ts";

/** The keys of the methods that may outlive their caller. */
type BeginKeys<C extends Record<string, Method>> = {
  [K in keyof C & string]: C[K]["begins"] extends true ? K : never;
}[keyof C & string];

/** What comes of each method that begins: `vm.create.begin`, `vm.create.status`, `vm.create.cancel`. */
type Beginnings<C extends Record<string, Method>> = {
  readonly [K in BeginKeys<C> as `${K}Begin`]: Method<C[K]["params"], typeof operation>;
} & { readonly [K in BeginKeys<C> as `${K}Status` | `${K}Cancel`]: Method<typeof one, typeof operation> };

/** The methods of a contract that may outlive their caller, by their keys. */
export function beginsOf<C extends Record<string, Method>>(contract: C): [BeginKeys<C>, Method][] {
  return Object.entries(contract).filter(([, { begins }]) => begins) as [BeginKeys<C>, Method][];
}

/** Derives three methods from each that begins: one answers at once, two ask about it. A declaration says it once. */
export function beginnings<C extends Record<string, Method>>(contract: C): Beginnings<C> {
  const derived: Record<string, Method> = {};
  for (const [key, { name, params, errors }] of beginsOf(contract)) {
    derived[`${key}Begin`] = {
      name: `${name}.begin`,
      summary: `Begins \`${name}\` and answers at once; it outlives its caller.`,
      params,
      result: operation,
      errors,
      traced: true,
      begins: false,
    };
    const asks = { params: one, result: operation, traced: false, begins: false };
    derived[`${key}Status`] = {
      ...asks,
      name: `${name}.status`,
      summary: `As \`operation.status\`, of a \`${name}\`.`,
      errors: byReference,
    };
    derived[`${key}Cancel`] = {
      ...asks,
      name: `${name}.cancel`,
      summary: `As \`operation.cancel\`, of a \`${name}\`.`,
      errors: [...byReference, "wrong_state"],
    };
  }
  return derived as Beginnings<C>;
}
