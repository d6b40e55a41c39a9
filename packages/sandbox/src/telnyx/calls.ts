// Calls: dialled, commanded, read back. A call lasts 78 seconds, of which two minutes are billed, and is over when it is read back.
import { decimal } from "../decimal.ts";
import { type Answer, type Call, Drawer, jsonBody, textIn } from "../dialect.ts";
import { isAddress } from "../text-message.ts";
import { missing, notFound, refusal, told, uuidOf } from "./answers.ts";

const lastsSeconds = 78;
const billedSeconds = 120;
/** In ten-thousandths of a dollar, a minute. */
const rate = 20;

export interface PhoneCall {
  readonly controlId: string;
  readonly legId: string;
  readonly sessionId: string;
  readonly connectionId: string;
  readonly to: string;
  readonly from: string;
  readonly clientState: string | null;
  readonly at: Date;
}

export const phoneCalls = new Drawer<PhoneCall>();

export function dial(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null)
    return refusal(call, 400, { code: "10015", title: "Bad Request", detail: "The request body is no JSON object." });
  const to = Array.isArray(body["to"]) ? body["to"].find((each) => typeof each === "string") : body["to"];
  if (typeof to !== "string" || to === "") return missing(call, "to");
  if (textIn(body, "from") === "") return missing(call, "from");
  if (textIn(body, "connection_id") === "") return missing(call, "connection_id");
  if (!to.startsWith("sip:") && !isAddress(to)) {
    return refusal(call, 422, {
      code: "10016",
      title: "Phone number must be in +E.164 format",
      detail: "The 'to' parameter must be in +E.164 format.",
      source: { pointer: "/to" },
    });
  }
  const phoneCall: PhoneCall = {
    controlId: `v3:sandbox${String(call.sequence).padStart(6, "0")}`,
    legId: uuidOf(`leg ${call.sequence}`),
    sessionId: uuidOf(`session ${call.sequence}`),
    connectionId: textIn(body, "connection_id"),
    to,
    from: textIn(body, "from"),
    clientState: textIn(body, "client_state") || null,
    at: call.at,
  };
  phoneCalls.of(call.shelf).set(phoneCall.controlId, phoneCall);
  return told(call, { ...idsOf(phoneCall), is_alive: true, record_type: "call" });
}

export function readCall(call: Call): Answer {
  const phoneCall = phoneCalls.of(call.shelf).get(call.params[0] ?? "");
  if (phoneCall === undefined) return notFound(call);
  const times = { start_time: phoneCall.at.toISOString(), end_time: endOf(phoneCall), call_duration: lastsSeconds };
  return told(call, { ...idsOf(phoneCall), is_alive: false, record_type: "call", ...times });
}

/** Hanging up, speaking, transferring: whatever the command is, it is taken. */
export function command(call: Call): Answer {
  return phoneCalls.of(call.shelf).has(call.params[0] ?? "") ? told(call, { result: "ok" }) : notFound(call);
}

/** What the webhook `call.cost` tells, as one of the detail records. */
export function callRecord(type: string, phoneCall: PhoneCall): Readonly<Record<string, unknown>> {
  const cost = decimal((billedSeconds / 60) * rate, 4).padEnd(6, "0");
  return {
    record_type: type,
    id: phoneCall.legId,
    call_control_id: phoneCall.controlId,
    call_leg_id: phoneCall.legId,
    call_session_id: phoneCall.sessionId,
    connection_id: phoneCall.connectionId,
    client_state: phoneCall.clientState,
    direction: "outbound",
    cli: phoneCall.from,
    cld: phoneCall.to,
    status: "success",
    call_sec: lastsSeconds,
    billed_sec: billedSeconds,
    billed_duration_secs: billedSeconds,
    rate: decimal(rate, 4).padEnd(6, "0"),
    cost,
    total_cost: cost,
    currency: "USD",
    cost_parts: [
      {
        call_part: "sip-trunking",
        billed_duration_secs: billedSeconds,
        rate: decimal(rate, 4).padEnd(6, "0"),
        cost,
        currency: "USD",
      },
    ],
    started_at: phoneCall.at.toISOString(),
    finished_at: endOf(phoneCall),
  };
}

function idsOf(phoneCall: PhoneCall): object {
  return {
    call_control_id: phoneCall.controlId,
    call_leg_id: phoneCall.legId,
    call_session_id: phoneCall.sessionId,
    ...(phoneCall.clientState !== null && { client_state: phoneCall.clientState }),
  };
}

function endOf(phoneCall: PhoneCall): string {
  return new Date(phoneCall.at.getTime() + lastsSeconds * 1000).toISOString();
}
