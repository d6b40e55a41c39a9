import { InvalidInputError } from "@stack-2025/byok-crypto";
import { parseInput, timeRange, type TimeRange } from "../schema.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** A range as it is read: `to` is exclusive; null: whatever has been recorded since `from`, this moment's bucket included. */
export interface ResolvedRange {
  from: Date;
  to: Date | null;
  bucket: "hour" | "day" | "month";
}

/**
 * What a `TimeRange` means at `now`. Relative ones end now and begin where the bucket begins that lies so far back;
 * buckets are UTC hours up to two days, days up to 92, else months. Given dates are taken as they are.
 *
 * @throws InvalidInputError the range is malformed, or reaches back before 1970
 */
export function resolveRange(range: TimeRange, now: Date): ResolvedRange {
  const parsed = parseInput(timeRange, range);
  if (typeof parsed !== "string") {
    const to = parsed.to ?? null;
    if (!to && parsed.from > now) throw new InvalidInputError("from: must not lie in the future", { issues: [{ path: "from", message: "must not lie in the future" }] });
    return { from: parsed.from, to, bucket: bucketFor((to ?? now).getTime() - parsed.from.getTime()) };
  }
  const back = new Date(now);
  const size = Number(parsed.slice(0, -1));
  const unit = parsed.slice(-1);
  if (unit === "m") {
    // The last day of a shorter month: 31 March minus a month is 28 February, not 3 March.
    const day = back.getUTCDate();
    back.setUTCDate(1);
    back.setUTCMonth(back.getUTCMonth() - size);
    back.setUTCDate(Math.min(day, new Date(Date.UTC(back.getUTCFullYear(), back.getUTCMonth() + 1, 0)).getUTCDate()));
  } else {
    back.setTime(back.getTime() - size * (unit === "h" ? hourMs : unit === "d" ? dayMs : 7 * dayMs));
  }
  if (back.getTime() < 0) throw new InvalidInputError("range: reaches back before 1970", { issues: [{ path: "", message: "reaches back before 1970" }] });
  const bucket = bucketFor(now.getTime() - back.getTime());
  return { from: startOfBucket(bucket, back), to: null, bucket };
}

function bucketFor(lengthMs: number): ResolvedRange["bucket"] {
  if (lengthMs <= 2 * dayMs) return "hour";
  return lengthMs <= 92 * dayMs ? "day" : "month";
}

/** The first moment of the UTC bucket that `at` lies in. */
export function startOfBucket(bucket: ResolvedRange["bucket"], at: Date): Date {
  if (bucket === "month") return new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth()));
  const sizeMs = bucket === "day" ? dayMs : hourMs;
  return new Date(Math.floor(at.getTime() / sizeMs) * sizeMs);
}
