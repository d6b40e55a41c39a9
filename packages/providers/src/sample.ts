/** Reads the recorded answers in the providers' `fixtures/`. For tests alone: nothing that ships imports it. */
import { readFileSync } from "node:fs";
import { createParser } from "eventsource-parser";
import type { VendorAnswer } from "./failure.ts";
import type { StreamEvent, StreamMeter } from "./usage.ts";

/** The folder of a provider is its name with dashes. */
export function sampleText(provider: string, name: string): string {
  return readFileSync(new URL(`./${provider.replaceAll("_", "-")}/fixtures/${name}`, import.meta.url), "utf8");
}

/** `.http` samples bring status and headers; for a bare body the status is given. */
export function sampleAnswer(provider: string, name: string, status: number): VendorAnswer {
  const text = sampleText(provider, name);
  if (!name.endsWith(".http")) return { status, headers: {}, body: text };
  const [head = "", ...rest] = text.split(/\r?\n\r?\n/);
  const [statusLine = "", ...lines] = head.split(/\r?\n/);
  const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]));
  return { status: Number(statusLine.split(" ")[1]), headers, body: rest.join("\n\n") };
}

/** The events of an event stream, as a client of it would see them. */
export function sampleEvents(stream: string): StreamEvent[] {
  const events: StreamEvent[] = [];
  const parser = createParser({ onEvent: ({ event, data }) => events.push({ event, data }) });
  parser.feed(stream);
  return events;
}

/** Feeds a meter; what it says becomes of each event. */
export function feed(meter: StreamMeter, events: readonly StreamEvent[]): string[] {
  return events.map((event) => meter.on(event));
}
