import type { z } from "zod";
import type { ErrorCode } from "./errors.ts";

/** One method of the wire, declared once: dispatch, the client, the CLI's flags and the docs all read this. */
export interface Method<P extends z.ZodObject = z.ZodObject, R extends z.ZodType = z.ZodType> {
  /** `noun.verb`; also the span's name. */
  readonly name: string;
  /** One line, for help and the reference page. */
  readonly summary: string;
  /** What a caller sends. Unknown fields are dropped, so that an older peer may be asked by a newer one. */
  readonly params: P;
  /** What comes back. */
  readonly result: R;
  /** The codes that this method may answer beyond those that dispatch itself answers. */
  readonly errors: readonly ErrorCode[];
  /** False for what only reads: it is no operation, opens no span and is counted instead. */
  readonly traced: boolean;
  /** True for what may outlive its caller: it has `.begin`, `.status` and `.cancel` too (`beginnings.ts`). */
  readonly begins: boolean;
}

/** Declares a method. `traced` is true and `begins` is false unless said otherwise. */
export function method<P extends z.ZodObject, R extends z.ZodType, const B extends boolean = false>(
  declaration: Omit<Method<P, R>, "traced" | "begins"> & { traced?: boolean; begins?: B },
): Method<P, R> & { readonly begins: B } {
  return { ...declaration, traced: declaration.traced ?? true, begins: declaration.begins ?? (false as B) };
}

/** The parameters of a method as its handler gets them. */
export type ParamsOf<M extends Method> = z.output<M["params"]>;
/** The parameters of a method as a caller writes them. */
export type InputOf<M extends Method> = z.input<M["params"]>;
/** The result of a method. */
export type ResultOf<M extends Method> = z.output<M["result"]>;
