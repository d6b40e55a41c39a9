import { makeTemplate, startTemporaryPostgres } from "@stack-2025/byok-db/testing";
import type { TestProject } from "vitest/node";

/** One PostgreSQL for the run, with a template that is migrated once; each test file clones it. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const server = await startTemporaryPostgres();
  try {
    project.provide("postgres", await makeTemplate(server.connectionString));
  } catch (error) {
    await server.stop();
    throw error;
  }
  return () => server.stop();
}
