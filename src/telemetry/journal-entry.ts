import { type LogField, logFields } from "./log-fields.ts";

/** syslog's numbers for the levels (RFC 5424). */
const priorities: Readonly<Record<string, number>> = { trace: 7, debug: 7, info: 6, warn: 4, error: 3, fatal: 2 };

const native = Object.entries<LogField>(logFields).flatMap(([name, { journal }]) =>
  journal === undefined ? [] : [[name, journal] as const],
);

/** A record, one line of JSON, as an entry of the journal: the whole in MESSAGE, and what is declared as native fields beside it. */
export function journalEntry(line: string): Buffer {
  const text = line.trimEnd();
  const record = JSON.parse(text) as Record<string, unknown>;
  const fields = native.flatMap(([name, journal]) => {
    const value = name === "level" ? priorities[String(record[name])] : record[name];
    return typeof value === "string" || typeof value === "number" ? [encoded(journal, String(value))] : [];
  });
  return Buffer.concat([encoded("MESSAGE", text), ...fields]);
}

/** A field of the native protocol: `NAME=value`, or its length in binary before a value of several lines, which could else hold other fields. */
function encoded(name: string, value: string): Buffer {
  if (!value.includes("\n")) return Buffer.from(`${name}=${value}\n`);
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(bytes.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, bytes, Buffer.from("\n")]);
}
