import { ApiError } from "@google/genai";
import { refusalOf } from "../refusal.fixture.ts";

/** What Google refused a call of its SDK with. The SDK keeps the body of an error as its message. */
export async function apiErrorOf(call: Promise<unknown>): Promise<unknown> {
  const error = await refusalOf(call);
  if (!(error instanceof ApiError)) throw new Error("The SDK raised something else.", { cause: error });
  const body: unknown = JSON.parse(error.message);
  return { status: error.status, body };
}
