import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "forks",
    testTimeout: 20_000,
    ...(process.env["BANGER_TEST_REPORT"]
      ? { reporters: ["default", "json"], outputFile: { json: process.env["BANGER_TEST_REPORT"] } }
      : {}),
  },
});
