import { defineConfig } from "vitest/config";

// Workspace packages run from their sources; `byok-source` is the condition that their `exports` name for it.
// Not `module`, which Vite adds by itself: Node never looks there, and the AWS SDK has files behind it that Node cannot load.
const conditions = ["byok-source", "node", "development|production"];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  // Where Vitest runs global set-ups.
  environments: { __vitest__: { resolve: { conditions } } },
  test: {
    projects: [
      {
        extends: true,
        test: { name: "unit", include: ["packages/{crypto,providers,sandbox,client}/src/**/*.test.ts", "tooling/**/*.test.ts"], pool: "threads", testTimeout: 30_000 },
      },
      {
        extends: true,
        test: {
          name: "db",
          include: ["packages/{db,sdk}/src/**/*.test.ts", "apps/*/src/**/*.test.ts", "tests/**/*.test.ts"],
          pool: "forks",
          maxWorkers: 2,
          testTimeout: 30_000,
          hookTimeout: 60_000,
          globalSetup: ["tooling/vitest/database.ts"],
        },
      },
    ],
    reporters: ["default", "./tooling/vitest/count-reporter.ts"],
  },
});
