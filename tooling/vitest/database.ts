import { makeTemplate, startTemporaryPostgres } from "@stack-2025/byok-db/testing";
import type { TestProject } from "vitest/node";

/**
 * One PostgreSQL for the run, with a template that is migrated once; each test file clones it. TEST_DATABASE_URL names
 * another server to run on (as its superuser, at a version of 15 or newer); databases of earlier runs there are replaced.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env["TEST_DATABASE_URL"];
  const server = given === undefined ? await startTemporaryPostgres() : { connectionString: given, stop: async () => {} };
  try {
    project.provide("postgres", await makeTemplate(server.connectionString));
  } catch (error) {
    await server.stop();
    throw error;
  }
  return () => server.stop();
}
