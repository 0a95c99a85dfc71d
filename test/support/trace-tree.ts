import { expect } from "vitest";
import { isDeclaredAttribute } from "../../src/telemetry/names.ts";
import type { SpanRecord } from "../../src/telemetry/span-record.ts";

/** A span and what is below it. */
export interface Tree {
  readonly name: string;
  readonly service: string;
  readonly children: readonly Tree[];
}

/** What a tree is expected to be: `service name`, and below it its children in order. */
export type Shape = readonly [span: string, ...children: Shape[]];

const toleranceNs = 1_000_000n;

/** The tree of a trace; fails when there is not exactly one root. */
export function treeOf(spans: readonly SpanRecord[]): Tree {
  const byParent = Map.groupBy(spans, (span) => span.parent_span_id ?? "");
  const build = (span: SpanRecord): Tree => ({
    name: span.name,
    service: span.service,
    children: (byParent.get(span.span_id) ?? [])
      .toSorted((a, b) => Number(BigInt(a.start_ns) - BigInt(b.start_ns)))
      .map(build),
  });
  const roots = byParent.get("") ?? [];
  expect(
    roots.map((span) => span.name),
    "exactly one root",
  ).toHaveLength(1);
  return build(roots[0] as SpanRecord);
}

/** The tree as a shape, for `toEqual`. */
export function shapeOf(tree: Tree): Shape {
  return [`${tree.service} ${tree.name}`, ...tree.children.map(shapeOf)];
}

/** What holds for every trace, whatever it is of. */
export function expectInvariants(spans: readonly SpanRecord[], opId: string): void {
  const byId = new Map(spans.map((span) => [span.span_id, span]));
  expect(byId.size, "span ids are unique").toBe(spans.length);
  treeOf(spans);
  for (const span of spans) {
    expect(`op-${span.trace_id}`, `${span.name}: the trace id is the op id`).toBe(opId);
    const undeclared = Object.keys(span.attributes).filter((name) => !isDeclaredAttribute(name));
    expect(undeclared, `${span.name}: undeclared attributes`).toEqual([]);
    for (const { name, time_ns: at, attributes } of span.events ?? []) {
      expect(BigInt(at) >= BigInt(span.start_ns) && BigInt(at) <= BigInt(span.end_ns), `${name} in ${span.name}`).toBe(
        true,
      );
      const unknown = Object.keys(attributes).filter((key) => !isDeclaredAttribute(key));
      expect(unknown, `${name} of ${span.name}: undeclared attributes`).toEqual([]);
    }
    if (span.status === "error") expect(span.attributes["error.type"], `${span.name}: error.type`).toBeTypeOf("string");
    expect(BigInt(span.start_ns) <= BigInt(span.end_ns), `${span.name}: ends after it begins`).toBe(true);
    expect(JSON.stringify(span), `${span.name}: nothing secret`).not.toMatch(/PRIVATE KEY|ssh-ed25519|SECRET/);
    if (span.parent_span_id === undefined) continue;
    const parent = byId.get(span.parent_span_id);
    expect(parent, `${span.name}: its parent is in the trace`).toBeDefined();
    if (parent === undefined) continue;
    expect(
      BigInt(span.start_ns) >= BigInt(parent.start_ns) - toleranceNs,
      `${span.name} begins in ${parent.name}`,
    ).toBe(true);
    if (span.attributes["banger.outlives_parent"] === true) continue;
    expect(BigInt(span.end_ns) <= BigInt(parent.end_ns) + toleranceNs, `${span.name} ends in ${parent.name}`).toBe(
      true,
    );
  }
}
