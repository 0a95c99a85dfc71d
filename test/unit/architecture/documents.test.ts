import { existsSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";

it.each(["README.md", "docs/ARCHITECTURE.md", "docs/security.md", "docs/guest-protocol.md", "docs/operating.md"])(
  "%s names only files of this tree that are there",
  (document) => {
    const text = readFileSync(document, "utf8");
    const named = [...text.matchAll(/`((?:test|src|scripts|guest|host|bench|deploy|docs)\/[A-Za-z0-9_./-]+)`/g)];
    const files = named.map((match) => match[1] ?? "");
    expect(files.filter((file) => !existsSync(file))).toEqual([]);
    if (document === "docs/security.md") expect(files.length).toBeGreaterThan(20);
  },
);
