// The account's balance, whose it is, and what things cost.
import type { Answer, Call } from "../dialect.ts";
import { notFound, pageOf, told, uuidOf } from "./answers.ts";

/** Without money the credit is used up, too. */
export function readBalance(call: Call): Answer {
  const [balance, available] = call.fault.kind === "no_quota" ? ["-100.00", "0.00"] : ["300.00", "400.00"];
  return told(call, {
    record_type: "balance",
    balance,
    credit_limit: "100.00",
    available_credit: available,
    pending: "10.00",
    currency: "USD",
  });
}

export function whoami(call: Call): Answer {
  return told(call, {
    organization_id: organizationOf(call),
    user_id: uuidOf(`user ${call.shelf.account}`),
    email: "owner@example.com",
    record_type: "whoami",
  });
}

export function organizationOf(call: Call): string {
  return uuidOf(`organization ${call.shelf.account}`);
}

const products = [
  {
    slug: "messaging",
    name: "SMS outbound",
    type: "usage",
    country_iso: "US",
    direction: "termination",
    rate: 0.00205,
    unit: "part",
    currency: "USD",
    tiers: [],
  },
  {
    slug: "voice",
    name: "Voice outbound",
    type: "usage",
    country_iso: "US",
    direction: "termination",
    rate: 0.002,
    unit: "minute",
    currency: "USD",
    tiers: [],
  },
];

export function listPrices(call: Call): Answer {
  const country = call.query.get("filter[country_iso]");
  const fitting = products.filter(({ slug, country_iso }) => slug === call.params[0] && (country ?? country_iso) === country_iso);
  return products.some(({ slug }) => slug === call.params[0])
    ? pageOf(
        call,
        fitting.map(({ slug: _slug, ...product }) => product),
      )
    : notFound(call);
}
