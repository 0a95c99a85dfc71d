import type { components, paths } from "./generated/api.ts";

/** What Firecracker's API takes and answers, by its own names. */
export type Schemas = components["schemas"];

/** How a path is asked for; deleting isn't published. */
export type Method = "GET" | "PUT" | "PATCH";

/** The paths that take a method. */
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<Lowercase<M>, object> ? P : never;
}[keyof paths];

/** What a path takes with a method. */
export type BodyOf<M extends Method, P extends PathOf<M>> =
  paths[P] extends Record<Lowercase<M>, { requestBody?: { content: { "application/json": infer Body } } }>
    ? Body
    : never;
