// GET /v2/detail_records: what the account was charged for, message by message and call by call.
import type { Answer, Call } from "../dialect.ts";
import { pageOf, refusal } from "./answers.ts";
import { callRecord, phoneCalls } from "./calls.ts";
import { messageRecord, messages } from "./messages.ts";

export function listDetailRecords(call: Call): Answer {
  const type = call.query.get("filter[record_type]") ?? "";
  if (type === "") {
    return refusal(call, 400, {
      code: "10015",
      title: "Bad Request",
      detail: "filter[record_type] must be specified.",
      source: { parameter: "filter[record_type]" },
    });
  }
  const filters = [...call.query].flatMap(([name, value]) => {
    const field = /^filter\[(\w+)\]$/.exec(name)?.[1];
    return field === undefined ? [] : [{ field, value }];
  });
  const fitting = recordsOf(call, type).filter((record) => filters.every(({ field, value }) => String(record[field]) === value));
  return pageOf(call, fitting.toReversed());
}

function recordsOf(call: Call, type: string): Readonly<Record<string, unknown>>[] {
  if (type === "messaging") return [...messages.of(call.shelf).values()].map((message) => messageRecord(call, message));
  if (type === "call-control" || type === "sip-trunking")
    return [...phoneCalls.of(call.shelf).values()].map((phoneCall) => callRecord(type, phoneCall));
  return [];
}
