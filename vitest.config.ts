import { defineConfig } from "vitest/config";

const report = process.env["BANGER_TEST_REPORT"];

export default defineConfig({
  test: {
    pool: "forks",
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
      { extends: true, test: { name: "integration", include: ["test/integration/**/*.test.ts"], testTimeout: 20_000 } },
      // Each has namespaces of its own; a guest without KVM keeps a CPU busy while it boots.
      {
        extends: true,
        test: { name: "host", include: ["test/host/**/*.test.ts"], testTimeout: 30_000, hookTimeout: 60_000 },
      },
      {
        extends: true,
        test: {
          name: "system",
          include: ["test/system/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: { name: "vm", include: ["test/vm/**/*.test.ts"], testTimeout: 60_000, hookTimeout: 120_000 },
      },
    ],
    ...(report ? { reporters: ["default", "json"], outputFile: { json: report } } : {}),
  },
});
