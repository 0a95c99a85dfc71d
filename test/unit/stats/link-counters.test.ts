import { expect, it } from "vitest";
import { parseLinkTable, readLinkTable } from "../../../src/daemon/stats/link-counters.ts";

const head = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
`;
const line = (name: string, received: string, sent: string) =>
  `${name.padStart(6)}:${received.padStart(8)}      12    0    0    0     0          0         0 ${sent.padStart(8)}      13    0    0    0     0       0          0\n`;

it.each([
  ["no link", "", {}],
  ["one", line("lo", "1", "2"), { lo: { received: 1, sent: 2 } }],
  // The kernel leaves no blank before a long number.
  [
    "long names and numbers",
    line("bt5ee0123456789", "123456789012", "9"),
    { bt5ee0123456789: { received: 123_456_789_012, sent: 9 } },
  ],
  ["several", line("a", "1", "2") + line("b", "3", "4"), { a: { received: 1, sent: 2 }, b: { received: 3, sent: 4 } }],
  ["a line that is cut", "  a: 1 2 3\n", {}],
  ["more than a number holds", line("a", "18446744073709551615", "2"), {}],
  ["no number", line("a", "x", "2"), {}],
])("a table of links with %s", (_, lines, links) => {
  expect(Object.fromEntries(parseLinkTable(head + lines))).toEqual(links);
});

it("this namespace's own has its loopback", () => {
  expect(readLinkTable().get("lo")).toMatchObject({ received: expect.any(Number) as number });
});
