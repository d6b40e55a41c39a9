// GET /Usage/Records and its narrower kinds: what the account's messages and calls of a time came to, by category.
import { decimal } from "../decimal.ts";
import type { Answer, Call } from "../dialect.ts";
import { pageOf } from "./answers.ts";
import { phoneCalls, priceOfCall, secondsOfCall } from "./calls.ts";
import { isWhatsApp, messages, priceOf } from "./messages.ts";
import { segmentsOf } from "../text-message.ts";

interface Line {
  readonly at: Date;
  readonly usage: number;
  /** In hundred-thousandths of a dollar. */
  readonly price: number;
}

const categories = [
  {
    category: "sms-outbound",
    description: "Outbound SMS",
    count_unit: "messages",
    usage_unit: "segments",
    lines: (call: Call) => messageLines(call, false),
  },
  {
    category: "channels-whatsapp-outbound",
    description: "Outbound WhatsApp Messages",
    count_unit: "messages",
    usage_unit: "messages",
    lines: (call: Call) => messageLines(call, true),
  },
  {
    category: "calls-outbound",
    description: "Outbound Voice Minutes",
    count_unit: "calls",
    usage_unit: "minutes",
    lines: callLines,
  },
];
const dayMs = 86_400_000;
/** The day on which every account of the sandbox was opened. */
const opened = new Date("2015-07-30T00:00:00Z");

export function listUsage(call: Call): Answer {
  const { from, to } = timeOf(call);
  const wanted = categories.filter(({ category }) => (call.query.get("Category") ?? category) === category);
  const records = wanted.flatMap(({ lines, ...about }) => {
    const fitting = lines(call).filter(({ at }) => at >= from && at < to);
    if (fitting.length === 0) return [];
    const sum = (pick: (line: Line) => number): number => fitting.reduce((total, line) => total + pick(line), 0);
    return [
      {
        account_sid: call.shelf.account,
        api_version: "2010-04-01",
        as_of: call.at.toISOString().replace(/\.\d{3}Z$/, "+00:00"),
        ...about,
        count: String(fitting.length),
        end_date: dayOf(new Date(to.getTime() - dayMs)),
        price: decimal(
          sum((line) => line.price),
          5,
        ),
        price_unit: "usd",
        start_date: dayOf(from),
        subresource_uris: {},
        uri: `${call.path}?Category=${about.category}`,
        usage: String(sum((line) => line.usage)),
      },
    ];
  });
  return pageOf(call, "usage_records", records);
}

/** Whole days in UTC; the end is not inside. */
function timeOf(call: Call): { from: Date; to: Date } {
  const today = new Date(`${dayOf(call.at)}T00:00:00Z`);
  const month = (offset: number): Date => new Date(Date.UTC(today.getUTCFullYear(), today.getUTCMonth() + offset, 1));
  const tomorrow = new Date(today.getTime() + dayMs);
  switch (call.params[1]) {
    case "Today":
      return { from: today, to: tomorrow };
    case "Yesterday":
      return { from: new Date(today.getTime() - dayMs), to: today };
    case "ThisMonth":
      return { from: month(0), to: tomorrow };
    case "LastMonth":
      return { from: month(-1), to: month(0) };
    default: {
      const [start, end] = [call.query.get("StartDate"), call.query.get("EndDate")].map((day) =>
        Date.parse(`${day ?? ""}T00:00:00Z`),
      );
      const earliest = call.params[1] === "Daily" ? today : opened;
      return { from: new Date(start || earliest.getTime()), to: new Date((end || today.getTime()) + dayMs) };
    }
  }
}

function messageLines(call: Call, whatsApp: boolean): Line[] {
  return [...messages.of(call.shelf).values()]
    .filter((message) => isWhatsApp(message) === whatsApp)
    .map((message) => ({ at: message.at, usage: whatsApp ? 1 : segmentsOf(message.body), price: priceOf(message) }));
}

function callLines(call: Call): Line[] {
  return [...phoneCalls.of(call.shelf).values()].map((phoneCall) => ({
    at: phoneCall.at,
    usage: Math.ceil(secondsOfCall(phoneCall) / 60),
    price: priceOfCall(phoneCall),
  }));
}

function dayOf(at: Date): string {
  return at.toISOString().slice(0, 10);
}
