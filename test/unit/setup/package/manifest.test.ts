import { expect, it } from "vitest";
import { formatManifest, type Manifest, parseManifest } from "../../../../src/setup/package/manifest.ts";

const file = { path: "bin/banger", executable: true, size: 3, sha256: "a".repeat(64) };
const good: Manifest = { version: "1.2.0-rc.1", schema: 6, node: "26.10.0", files: [file] };

it("is read as it was written", () => {
  expect(parseManifest(formatManifest(good), "manifest.json")).toEqual(good);
});

it.each([
  ["no JSON", "{", /is no JSON/],
  ["nothing", "null", /has no version/],
  ["a version that is no directory's name", formatManifest({ ...good, version: "../../etc" }), /has no version/],
  ["no files", JSON.stringify({ version: "1", schema: 1, node: "26" }), /is cut short/],
  ["a file elsewhere", formatManifest({ ...good, files: [{ ...file, path: "../x" }] }), /names "\.\.\/x"/],
  [
    "a file from the root",
    formatManifest({ ...good, files: [{ ...file, path: "/etc/passwd" }] }),
    /names "\/etc\/passwd"/,
  ],
  ["a file without a sum", formatManifest({ ...good, files: [{ ...file, sha256: "" }] }), /names "bin\/banger"/],
])("%s is refused", (_, text, why) => {
  expect(() => parseManifest(text, "manifest.json")).toThrow(why);
});
