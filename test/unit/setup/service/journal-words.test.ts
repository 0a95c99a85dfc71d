import { expect, it } from "vitest";
import { readable, whyItEnded } from "../../../../src/setup/service/journal-words.ts";

it.each([
  ['{"level":"info","time":"T","pid":1,"message":"helper ready"}', "T helper ready"],
  ['{"level":"error","time":"T","message":"it fails","err":{"message":"no\\nroom"}}', "T ERROR it fails: no | room"],
  ['{"level":"warn","time":"T","message":"rpc failed","reason":"no disk"}', "T WARN rpc failed: no disk"],
  ['{"message":"without the rest"}', " without the rest"],
  ["bangerd: the state is newer", "bangerd: the state is newer"],
  ['{"level":"info","mess', '{"level":"info","mess'],
  ["", ""],
])("the line %j of the journal reads %j", (line, expected) => {
  expect(readable(line)).toBe(expected);
});

it.each([
  ["T helper ready\nbangerd: no room\nbangerd.service: Failed with result 'exit-code'.", "bangerd: no room"],
  ["bangerd: older\nT ERROR newer: why\nT WARN rpc failed", "T ERROR newer: why"],
  ["Started bangerd.service", undefined],
  ["", undefined],
])("of %j, %j says why", (words, expected) => {
  expect(whyItEnded(words)).toBe(expected);
});
