import { describe, expect, it } from "vitest";
import { createStepRunner, type Step } from "../../../src/daemon/step/step-runner.ts";
import { BangerError } from "../../../src/rpc/contract/errors.ts";
import { createLogger } from "../../../src/telemetry/log.ts";
import type { SpanRecord } from "../../../src/telemetry/span-record.ts";
import { Spans } from "../../../src/telemetry/spans.ts";
import { startTracer } from "../../../src/telemetry/tracer.ts";

const finished: SpanRecord[] = [];
const spans = new Spans(startTracer("test", (span) => finished.push(span)));

/** Takes steps that write down what they do; the named parts of them fail. */
async function take(names: readonly string[], failing: readonly string[], signal = new AbortController().signal) {
  const done: string[] = [];
  const events: string[] = [];
  const act = async (what: string) => {
    done.push(what);
    if (failing.includes(what)) throw new BangerError("command_failed", `${what} went wrong`);
  };
  const steps: Step<string>[] = names.map((name) => ({
    name,
    on: (subject) => ({ "file.path": `/of/${subject}/${name}` }),
    do: () => act(`do ${name}`),
    undo: name.startsWith("shared") ? { none: "it is shared" } : () => act(`undo ${name}`),
  }));
  const log = createLogger("test", { write: () => undefined });
  finished.length = 0;
  const outcome = await spans
    .operation("test", {}, () =>
      createStepRunner({ spans, log }).run({
        operation: "test.run",
        subject: "it",
        steps,
        context: {
          signal,
          emit: async (_, data) =>
            void events.push(
              Object.values(data as object)
                .slice(0, 2)
                .join(" "),
            ),
        },
      }),
    )
    .then(
      () => undefined,
      (error: unknown) => error as BangerError,
    );
  return { done, events, outcome };
}

describe("steps", () => {
  it("are taken in order, each with a span and two events", async () => {
    const { done, events, outcome } = await take(["a", "b"], []);
    expect(outcome).toBeUndefined();
    expect(done).toEqual(["do a", "do b"]);
    expect(events).toEqual(["a started", "a completed", "b started", "b completed"]);
    expect(finished.map((span) => span.name)).toEqual(["step a", "step b", "test"]);
  });

  it("are events of the operation's span, undone ones too, and each span says what it acted on", async () => {
    await take(["a", "b"], ["do b"]);
    expect(finished.at(-1)?.events?.map(({ name, attributes }) => [name, ...Object.values(attributes)])).toEqual(
      [
        ["a", "started"],
        ["a", "completed"],
        ["b", "started"],
        ["b", "failed"],
        ["b", "undone"],
        ["a", "undone"],
      ].map((stage) => ["operation stage", ...stage]),
    );
    expect(finished.map(({ name, attributes }) => [name, attributes["file.path"]])).toEqual([
      ["step a", "/of/it/a"],
      ["step b", "/of/it/b"],
      ["undo b", "/of/it/b"],
      ["undo a", "/of/it/a"],
      ["test", undefined],
    ]);
  });

  it("are undone in reverse when one fails, the failed one first", async () => {
    const { done, outcome } = await take(["a", "shared", "b", "c"], ["do b"]);
    expect(done).toEqual(["do a", "do shared", "do b", "undo b", "undo a"]);
    expect(outcome).toMatchObject({ code: "step_failed", plain: "test.run: step b failed: do b went wrong" });
    expect(outcome?.details).toEqual({ step: "b", cause_code: "command_failed" });
  });

  it("have the failure of an undo told beside the cause, and the other undos done", async () => {
    const { done, outcome } = await take(["a", "b", "c"], ["do c", "undo b"]);
    expect(done).toEqual(["do a", "do b", "do c", "undo c", "undo b", "undo a"]);
    expect(outcome?.plain).toBe("test.run: step c failed: do c went wrong; not undone: b: undo b went wrong");
  });

  it("are not begun for a caller who has left, and what was done is undone although he left", async () => {
    const abort = new AbortController();
    abort.abort(new BangerError("cancelled", "cancelled by the caller"));
    const { done, outcome } = await take(["a"], [], abort.signal);
    expect(done).toEqual(["undo a"]);
    expect(outcome?.code).toBe("cancelled");
  });
});
