import { type ReadableSpan, type SpanExporter } from "@opentelemetry/sdk-trace";
import { type CollectorAnswers, oneLine } from "./collector-answers.ts";

/** How exporting goes. */
export interface ExportCounts {
  /** Spans that a collector took. */
  exported: number;
  /** Spans that could not be sent, or were refused with all others of their batch. */
  failed: number;
  /** Spans that a collector refused of a batch that it took. */
  rejected: number;
  /** Spans that found no room to wait. */
  dropped: number;
  lastError?: { at: Date; text: string };
}

/** What counting needs. */
export interface CountingExporterDeps {
  readonly exporter: SpanExporter;
  readonly answers: CollectorAnswers;
  readonly counts: ExportCounts;
  /** For the whole of a batch, tries and answer included. */
  readonly timeoutMs: number;
  readonly complain: (error: unknown, text: string) => void;
}

/** A collector that goes on failing is written down again after this. */
const complainAgainMs = 10 * 60_000;
/** The exporter's own limit comes first. */
const graceMs = 500;

type Done = Parameters<SpanExporter["export"]>[1];

/** An exporter that counts, says a failure once (and now and then), and that it works again; and heeds a collector's Retry-After. */
export class CountingExporter implements SpanExporter {
  readonly #deps: CountingExporterDeps;
  #failures = 0;
  #saidAt = Number.NEGATIVE_INFINITY;
  /** By the clock that nobody sets, performance.now(). */
  #notBefore = 0;
  #rejected = 0;

  constructor(deps: CountingExporterDeps) {
    this.#deps = deps;
  }

  export(spans: ReadableSpan[], done: Done): void {
    const { exporter, answers, timeoutMs } = this.#deps;
    const leftMs = this.#notBefore - performance.now();
    if (leftMs > 0) {
      const until = new Date(Date.now() + leftMs).toISOString();
      return done(this.#failed(spans.length, `the collector asked to wait until ${until}`));
    }
    answers.forget();
    this.#rejected = 0;
    let settled = false;
    const settle = (end: () => Parameters<Done>[0]) => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      done(end());
    };
    const timer = setTimeout(() => {
      settle(() => this.#failed(spans.length, `no whole answer within ${timeoutMs} ms`));
      answers.abort();
    }, timeoutMs + graceMs);
    exporter.export(spans, (result) => settle(() => this.#judge(spans.length, result)));
  }

  /** The collector took a batch but for so many spans. */
  partlyRejected(count: number, why: string): void {
    this.#rejected = count;
    this.#deps.counts.rejected += count;
    this.#fail(`the collector rejected ${count} spans${why === "" ? "" : `: ${oneLine(why)}`}`);
  }

  shutdown(): Promise<void> {
    return this.#deps.exporter.shutdown();
  }

  #judge(spans: number, result: Parameters<Done>[0]): Parameters<Done>[0] {
    const { answers, counts, complain } = this.#deps;
    const answer = answers.last;
    const web = answer !== undefined && /^text\/html/i.test(answer.type);
    if (result.error !== undefined || result.code !== 0 || web) {
      if (answer !== undefined && answer.waitMs > 0) this.#notBefore = performance.now() + answer.waitMs;
      const words = answer?.words() ?? "";
      const said = answer === undefined ? reason(result.error) : `the collector answered ${answer.status}`;
      const place = web ? " with a web page: is it an OTLP endpoint?" : "";
      return this.#failed(spans, `${said}${place}${words === "" ? "" : `: ${words}`}`);
    }
    counts.exported += Math.max(0, spans - this.#rejected);
    if (this.#rejected > 0) return result;
    if (this.#failures > 0) complain(undefined, `traces are exported again, after ${this.#failures} failures`);
    this.#failures = 0;
    this.#saidAt = Number.NEGATIVE_INFINITY;
    return result;
  }

  #failed(spans: number, text: string): Parameters<Done>[0] {
    this.#deps.counts.failed += spans;
    this.#fail(text);
    return { code: 1, error: new Error(text) };
  }

  #fail(text: string): void {
    this.#deps.counts.lastError = { at: new Date(), text };
    if (this.#failures++ > 0 && performance.now() - this.#saidAt <= complainAgainMs) return;
    this.#saidAt = performance.now();
    this.#deps.complain(new Error(text), "traces could not be exported");
  }
}

function reason(error: Error | undefined): string {
  const { code, message } = (error ?? {}) as NodeJS.ErrnoException;
  // A host of several addresses fails with all of their errors and no words.
  return oneLine(message || String(code ?? "the exporter gave no reason"));
}
