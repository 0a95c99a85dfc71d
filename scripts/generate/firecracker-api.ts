import { readFileSync } from "node:fs";
import openapiTS, { astToString } from "openapi-typescript";
import swagger2openapi from "swagger2openapi";
import { parse } from "yaml";

/** Firecracker's API as it is published (Apache-2.0), unchanged. */
const published = "src/daemon/vmm/firecracker/api.yaml";

/** The types of what Firecracker's API takes and answers. */
export async function firecrackerApi(): Promise<string> {
  // It is published as Swagger 2.0, which the generator of types no longer reads.
  const { openapi } = await swagger2openapi.convertObj(parse(readFileSync(published, "utf8")), { patch: true });
  const types = astToString(
    await openapiTS(JSON.stringify(openapi), { defaultNonNullable: false, emptyObjectsUnknown: true }),
  );
  return `// Made by scripts/generate.ts from ${published}. Do not edit.\n${types}`;
}
