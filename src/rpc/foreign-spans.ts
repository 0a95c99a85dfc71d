import { isDeclaredAttribute } from "../telemetry/names.ts";
import type { SpanRecord } from "../telemetry/span-record.ts";
import { span } from "./contract/span.ts";

/** At most this many spans are taken from one frame. */
const maxSpans = 256;
/** How far ahead of this host's clock a span may end. */
const skewNs = 1_000_000_000n;

/** Takes a peer's spans as what they may be: of `service`, well-formed, ended, with declared attributes; the rest is dropped. */
export function acceptSpans(service: string): (spans: readonly unknown[]) => SpanRecord[] {
  return (spans) => {
    const latest = BigInt(Date.now()) * 1_000_000n + skewNs;
    return spans.slice(0, maxSpans).flatMap((value) => {
      const parsed = span.safeParse(value);
      if (!parsed.success) return [];
      const start = BigInt(parsed.data.start_ns);
      const end = BigInt(parsed.data.end_ns);
      if (start > end || end > latest) return [];
      const { events, ...record } = parsed.data;
      const told = events
        ?.filter(({ time_ns: at }) => BigInt(at) >= start && BigInt(at) <= end)
        .map((event) => ({ ...event, attributes: declared(event.attributes) }));
      return [
        {
          ...record,
          service,
          attributes: declared(record.attributes),
          ...(told === undefined ? {} : { events: told }),
        },
      ];
    });
  };
}

function declared(attributes: SpanRecord["attributes"]): SpanRecord["attributes"] {
  return Object.fromEntries(Object.entries(attributes).filter(([name]) => isDeclaredAttribute(name)));
}
