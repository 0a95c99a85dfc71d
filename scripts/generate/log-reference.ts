import { journalRecord, type LogField, logFields } from "../../src/telemetry/log-fields.ts";

/** The page of what a log record holds. */
export function logReference(): string {
  const fields = Object.entries<LogField>(logFields).map(
    ([name, { means, journal }]) => `| \`${name}\` | ${means} | ${journal === undefined ? "" : `\`${journal}\``} |`,
  );
  const native = Object.entries(journalRecord).map(([name, means]) => `| \`${name}\` | ${means} |`);
  return `# Log records

Made from \`src/telemetry/log-fields.ts\`. A record is one JSON object in one line, with the same fields whichever process wrote it; what
is not known is absent. [logs.md](../logs.md) says where records are, how long, and who may read them.

| field | what it says | in the journal also |
|---|---|---|
${fields.join("\n")}

Under systemd each record is an entry of the journal:

| native field | what it is |
|---|---|
${native.join("\n")}

\`PRIORITY\` is syslog's: 7 for debug, 6 for info, 4 for warn, 3 for error. Any user of the host may write entries with any of these
fields: what reads the journal back matches \`_UID\` or \`_SYSTEMD_UNIT\` too, which the journal sets itself.
`;
}
