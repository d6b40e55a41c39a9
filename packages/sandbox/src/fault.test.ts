import { expect, it } from "vitest";
import { parseFaults } from "./fault.ts";

it.each([
  { kind: "ok" }, { kind: "rate_limited" }, { kind: "rate_limited", retryAfterS: 0.5 }, { kind: "server_error", status: 529 },
  { kind: "slow", betweenChunksMs: 0 }, { kind: "cut_stream", afterEvents: 0 }, { kind: "redirect", location: "https://elsewhere.test/" },
  { kind: "revoked", afterHandshake: true }, { kind: "test_credentials" }, { kind: "answer", status: 402, headers: { "retry-after": "3" }, body: "{}" }, { kind: "answer", status: 200 },
])("%o is a fault", (fault) => {
  expect(parseFaults([{ kind: "ok" }, fault])).toEqual([{ kind: "ok" }, fault]);
});

it.each([
  { given: "invalid", says: "faults must be a list of faults" },
  { given: ["invalid"], says: "faults[0] must be an object with a kind." },
  { given: [{ kind: "ok" }, null], says: "faults[1] must be an object with a kind." },
  { given: [{ kind: "gremlins" }], says: "faults[0].kind must be one of ok, invalid," },
  { given: [{ kind: "constructor" }], says: "faults[0].kind must be one of ok, invalid," },
  { given: [{ kind: "cut_stream" }], says: "faults[0].afterEvents must be a whole number from 0." },
  { given: [{ kind: "cut_stream", afterEvents: 1.5 }], says: "faults[0].afterEvents must be a whole number from 0." },
  { given: [{ kind: "server_error", status: 404 }], says: "faults[0].status must be a status from 500 to 599." },
  { given: [{ kind: "slow", beforeHeadersMs: -1 }], says: "faults[0].beforeHeadersMs must be milliseconds from 0 to 600000." },
  { given: [{ kind: "slow", forMs: 3 }], says: "faults[0].forMs is no field of this kind of fault; it has beforeHeadersMs, betweenChunksMs." },
  { given: [{ kind: "redirect", location: "nowhere" }], says: "faults[0].location must be an absolute URL." },
  { given: [{ kind: "answer" }], says: "faults[0].status must be a status from 200 to 599." },
  { given: [{ kind: "answer", status: 200, headers: { a: 1 } }], says: "faults[0].headers must be an object of texts" },
  { given: [{ kind: "answer", status: 200, body: {} }], says: "faults[0].body must be a text." },
  { given: [{ kind: "invalid", afterHandshake: "yes" }], says: "faults[0].afterHandshake must be true or false." },
])("$given is refused, and the refusal says why", ({ given, says }) => {
  expect(() => parseFaults(given)).toThrow(says);
});
