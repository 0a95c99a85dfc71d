import { expect, it } from "vitest";
import { acceptSpans } from "../../../src/rpc/foreign-spans.ts";

const span = {
  trace_id: "0af7651916cd43dd8448eb211c80319c",
  span_id: "b7ad6b7169203331",
  service: "bangerd",
  name: "x",
  kind: "internal",
  start_ns: "1000",
  end_ns: "2000",
  status: "unset",
  attributes: { "banger.step": "a", "process.command_args": "--secret" },
  links: [],
};
const event = { name: "operation stage", time_ns: "1500", attributes: { "banger.step": "a", password: "p" } };
const accept = acceptSpans("banger");

it("a peer's span is of the service that the peer is, with declared attributes, and an older peer's has no more", () => {
  expect(accept([span])).toEqual([{ ...span, service: "banger", attributes: { "banger.step": "a" } }]);
});

it("a peer's process and its events are taken, those within the span, with declared attributes", () => {
  const events = [event, { ...event, time_ns: "999" }, { ...event, time_ns: "2001" }];
  expect(accept([{ ...span, pid: 7, version: "1", events, unheard_of: 1 }])).toMatchObject([
    { pid: 7, version: "1", events: [{ ...event, attributes: { "banger.step": "a" } }] },
  ]);
});

it.each([
  ["a pid that is none", { pid: -1 }],
  ["a version without end", { version: "1".repeat(65) }],
  ["events without number", { events: Array.from({ length: 129 }, () => event) }],
  ["an event without a time", { events: [{ ...event, time_ns: "now" }] }],
  ["an event with a name without end", { events: [{ ...event, name: "x".repeat(129) }] }],
  ["an event with a list", { events: [{ ...event, attributes: { "banger.step": ["a"] } }] }],
])("%s drops the span", (_, wrong) => {
  expect(accept([{ ...span, ...wrong }])).toEqual([]);
});
