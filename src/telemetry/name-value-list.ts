import { validateHeaderName, validateHeaderValue } from "node:http";

/** The headers that `a=b,c=d`, percent-encoded, names; values may be secrets, so that no message repeats one. */
export function parseHeaders(text: string): Record<string, string> {
  return Object.fromEntries(
    pairs(text).map(([name, value]) => {
      validateHeaderName(name);
      validateHeaderValue(name, value);
      return [name, value];
    }),
  );
}

/** The attributes that OTEL_RESOURCE_ATTRIBUTES names. */
export function parseResourceAttributes(text: string): Record<string, string> {
  return Object.fromEntries(pairs(text));
}

function pairs(text: string): [string, string][] {
  const written = text.split(",").filter((pair) => pair.trim() !== "");
  return written.map((pair, index) => {
    const at = pair.indexOf("=");
    if (at === -1 || pair.slice(0, at).trim() === "") throw new Error(`its part ${index + 1} is not NAME=VALUE`);
    try {
      return [decodeURIComponent(pair.slice(0, at).trim()), decodeURIComponent(pair.slice(at + 1).trim())];
    } catch {
      throw new Error(`its part ${index + 1} is not percent-encoded as it should be`);
    }
  });
}
