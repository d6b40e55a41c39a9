/** Guessing is slowed down: from the 101st failure a minute, an address is told to wait. Those who sign in are not counted. */
import type { IncomingMessage } from "node:http";
import { RateLimiterMemory, RateLimiterRes } from "rate-limiter-flexible";
import { PermissionDeniedError, RateLimitedError } from "@stack-2025/byok-crypto";

const failuresAMinute = 100;

export class FailedSignIns {
  readonly #limiter = new RateLimiterMemory({ points: failuresAMinute, duration: 60 });

  /** Counts a failure, and says with what it is answered. */
  async answerTo(request: IncomingMessage, failure: PermissionDeniedError): Promise<PermissionDeniedError | RateLimitedError> {
    try {
      await this.#limiter.consume(addressOf(request));
      return failure;
    } catch (exceeded) {
      if (!(exceeded instanceof RateLimiterRes)) throw exceeded;
      return new RateLimitedError("Too many requests without a valid byok token came from this address.", { retryAfterMs: exceeded.msBeforeNext });
    }
  }
}

/** The peer's address; of IPv6 the /64, which is what one customer has. What a header says is not believed. */
function addressOf(request: IncomingMessage): string {
  const address = request.socket.remoteAddress ?? "unknown";
  if (!address.includes(":") || address.includes(".")) return address;
  const [head = "", tail = ""] = address.split("::");
  const left = head.split(":");
  const right = tail === "" ? [] : tail.split(":");
  const groups = address.includes("::") ? [...left, ...Array.from({ length: Math.max(0, 8 - left.length - right.length) }, () => "0"), ...right] : left;
  return groups.slice(0, 4).join(":");
}
