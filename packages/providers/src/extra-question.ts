/** A question that a probe asks beyond the one that decides. */
import { ProviderUnavailableError } from "@stack-2025/byok-crypto";
import type { VendorAnswer } from "./failure.ts";

/** The answer; undefined where the vendor gave none in time, since what was proved before still holds. Other errors are thrown on. */
export async function extra(answer: Promise<VendorAnswer>): Promise<VendorAnswer | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ProviderUnavailableError) return undefined;
    throw error;
  }
}
