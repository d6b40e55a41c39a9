/**
 * Counts what a call to Twilio used, from the answer that takes the order: a message has its segments, a call as yet
 * neither seconds nor price (they come minutes later, by fetching it again).
 */
import { count, inclusive } from "../counts.ts";
import { object } from "../vendor-json.ts";
import type { Meter } from "../provider.ts";

/** Twilio writes numbers as text. */
const written = (value: unknown): number | undefined => (typeof value === "string" && /^\d+$/.test(value) ? count(Number(value)) : undefined);

export const twilioMeter: Meter = {
  ask: () => undefined,

  json(answer, { route }) {
    const resource = object(answer);
    if (!resource) return null;
    switch (route.operation) {
      case "sms.send": {
        // "0" until a Messaging Service has picked a sender: not yet known, which is not none.
        const segments = written(resource["num_segments"]);
        const media = written(resource["num_media"]);
        return inclusive({ segments: segments === 0 ? undefined : segments }, { media: media === 0 ? undefined : media });
      }
      case "calls.create":
        return typeof resource["sid"] === "string" ? inclusive({}, { calls: 1 }) : null;
      default:
        return null;
    }
  },

  // Twilio streams nothing over HTTP; an answer that did would be passed on uncounted.
  stream: () => ({ on: () => "pass", usage: () => null, failed: () => false }),
};
