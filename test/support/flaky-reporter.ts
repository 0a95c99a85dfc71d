import type { Reporter, TestCase } from "vitest/node";

/** Names, after all else, the tests that passed only when they were tried again: each is to be mended. */
export class FlakyReporter implements Reporter {
  readonly #flaky: string[] = [];

  onTestCaseResult(test: TestCase): void {
    if (test.diagnostic()?.flaky) this.#flaky.push(`${test.module.relativeModuleId} > ${test.fullName}`);
  }

  onTestRunEnd(): void {
    for (const name of this.#flaky) console.log(`passed at its second try: ${name}`);
  }
}
