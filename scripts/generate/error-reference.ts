import { errorTable } from "../../src/rpc/contract/errors.ts";

/** The page of error codes. */
export function errorReference(): string {
  const rows = Object.entries(errorTable).map(([code, { exit, hint }]) => `| \`${code}\` | ${exit} | ${hint} |`);
  return `# Error codes

Made from \`src/rpc/contract/errors.ts\`. \`vm exec\` and \`vm ssh\` pass the guest's own exit codes through.

| code | exit code | next step |
|---|---|---|
${rows.join("\n")}
`;
}
