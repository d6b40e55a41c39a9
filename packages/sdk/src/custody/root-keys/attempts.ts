/** One call to the home of a root key: two seconds a try, three tries, and pauses that no two processes share. */
import pRetry, { AbortError } from "p-retry";

/** Milliseconds that one try may take. */
export const defaultTimeoutMs = 2_000;
export const attempts = 3;

/** Tries again after 0.1 to 0.2 s, then after 0.3 to 0.6 s. What `final` marks, or a TypeError, is not tried again. */
export function withRetries<Result>(attempt: () => Promise<Result>): Promise<Result> {
  return pRetry(attempt, { retries: attempts - 1, minTimeout: 100, factor: 3, randomize: true });
}

/** Marks a failure that another try would only repeat; callers of `withRetries` get the error itself. */
export const final = (error: Error): AbortError => new AbortError(error);
