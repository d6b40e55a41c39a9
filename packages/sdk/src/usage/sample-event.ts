/** For tests: an event that the ledger takes. */
import { newId } from "../ids.ts";
import type { LedgerEvent } from "./ledger.ts";

/** A priced chat call of this moment: 3 tokens in, 4 out, 5 nanodollars. */
export function sampleEvent(ownerId: string, fields: Partial<LedgerEvent> = {}): LedgerEvent {
  const requestId = newId("request");
  return {
    ownerId,
    eventId: `${requestId}.1.1`,
    requestId,
    attempt: 1,
    part: 1,
    keyId: "key_a",
    at: new Date(),
    provider: "openai",
    environment: "production",
    source: "user",
    operation: "chat",
    userId: null,
    label: null,
    outcome: "ok",
    status: 200,
    latencyMs: 12,
    requests: 1,
    usage: { model: "gpt", inputTokens: 3, outputTokens: 4 },
    costNanos: 5n,
    priceBook: null,
    vendorRequestId: null,
    ...fields,
  };
}
