import { BYOKError } from "@stack-2025/byok-crypto";
import type { BYOKManager } from "@stack-2025/byok-core";
import { requireReady } from "@stack-2025/byok-core/internal";

export type Readiness = { status: "ready" } | { status: "unavailable"; part: "database" | "schema" | "root key" | "service" };

/** Whether calls can be served now, and if not, which part is missing. Says nothing of addresses or settings' values. */
export async function readiness(manager: BYOKManager): Promise<Readiness> {
  try {
    await requireReady(manager);
    return { status: "ready" };
  } catch (error) {
    return { status: "unavailable", part: partOf(error) };
  }
}

function partOf(error: unknown): "database" | "schema" | "root key" | "service" {
  // The database's own refusals have no class that travels; they are told by their names.
  if (!(error instanceof BYOKError)) return error instanceof Error && error.name.startsWith("Database") ? "database" : "service";
  if (error.code === "PROVIDER_UNAVAILABLE") return "database";
  const { setting } = error.details;
  if (setting === "DATABASE_URL" || setting === "database") return "database";
  if ("schemaVersion" in error.details || setting === "autoMigrate") return "schema";
  return error.code === "ENCRYPTION" || setting === "BYOK_ENCRYPTION_KEY" ? "root key" : "service";
}
