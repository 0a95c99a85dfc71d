import { defineConfig } from "vitest/config";
import { FlakyReporter } from "./test/support/flaky-reporter.ts";
import { patience } from "./test/support/patience.ts";

const report = process.env["BANGER_TEST_REPORT"];

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    // CI tries what fails once more, and names what passed only then: what hangs on how busy a machine is.
    retry: report ? 1 : 0,
    // A condition that comes at all comes in this time, also on a machine that has other work; a second is too little there.
    expect: { poll: { timeout: 15_000 * patience } },
    projects: [
      { extends: true, test: { name: "unit", include: ["test/unit/**/*.test.ts"], testTimeout: 20_000 } },
      { extends: true, test: { name: "integration", include: ["test/integration/**/*.test.ts"], testTimeout: 20_000 } },
      // Each has namespaces of its own; a guest without KVM keeps a CPU busy while it boots.
      {
        extends: true,
        test: { name: "host", include: ["test/host/**/*.test.ts"], testTimeout: 30_000, hookTimeout: 60_000 },
      },
      // One after the other: containers at the same time share the host's cgroups, where units of one name are in each other's way.
      {
        extends: true,
        test: {
          name: "system",
          include: ["test/system/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: { name: "vm", include: ["test/vm/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 120_000 },
      },
      // Last: what it tries is being built while the others run.
      {
        extends: true,
        test: {
          name: "jaeger",
          include: ["test/jaeger/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 2 },
        },
      },
    ],
    ...(report ? { reporters: ["default", "json", new FlakyReporter()], outputFile: { json: report } } : {}),
  },
});
