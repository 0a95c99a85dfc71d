import { expect, it } from "vitest";
import { rootDiskUse } from "../../../src/daemon/vmm/qemu/block-stats.ts";

const root = (stats: unknown) => [
  { "node-name": "other", stats: { rd_bytes: 9, wr_bytes: 9 } },
  { "node-name": "root", stats },
];

it.each([
  ["its root disk", root({ rd_bytes: 5, wr_bytes: 0 }), { readBytes: 5, writtenBytes: 0 }],
  ["no root disk", root(undefined).slice(0, 1), undefined],
  ["a negative count", root({ rd_bytes: -1, wr_bytes: 0 }), undefined],
  ["half a byte", root({ rd_bytes: 0.5, wr_bytes: 0 }), undefined],
  ["more than a number holds", root({ rd_bytes: 1e300, wr_bytes: 0 }), undefined],
  ["a count that is text", root({ rd_bytes: "5", wr_bytes: 0 }), undefined],
  ["one count", root({ rd_bytes: 5 }), undefined],
  ["no counts", root(null), undefined],
  ["what is no device", [null, 3, []], undefined],
  ["no list", { "node-name": "root" }, undefined],
  ["nothing", undefined, undefined],
])("a VMM that tells %s", (_, answer, use) => {
  expect(rootDiskUse(answer)).toEqual(use);
});
