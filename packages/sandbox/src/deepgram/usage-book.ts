// What a project used, kept at the vendor: the breakdowns tell it afterwards, by key and by tag.
import { type Answer, type Call, Drawer } from "../dialect.ts";
import { told } from "./answers.ts";
import { keyIdOf } from "./keys.ts";

interface Used {
  readonly accessor: string;
  readonly tags: readonly string[];
  readonly endpoint: "listen" | "speak" | "agent";
  seconds: number;
  readonly characters: number;
}

const used = new Drawer<Used>();
const secondsPerHour = 3600;
/** Millionths of a dollar: a second that is heard, a character that is spoken. */
const secondPrice = 72;
const characterPrice = 30;

/** Notes one call's use; what is returned may still grow. */
export function noteUse(
  call: Call,
  endpoint: Used["endpoint"],
  amount: { seconds?: number; characters?: number },
): { seconds: number } {
  const entry: Used = {
    accessor: keyIdOf(call.credential.key),
    tags: call.query.getAll("tag"),
    endpoint,
    seconds: amount.seconds ?? 0,
    characters: amount.characters ?? 0,
  };
  used.of(call.shelf).set(String(call.sequence), entry);
  return entry;
}

export function usageBreakdown(call: Call): Answer {
  const chosen = chosenBy(call);
  const heard =
    chosen.filter((each) => each.endpoint !== "agent").reduce((total, each) => total + each.seconds, 0) / secondsPerHour;
  const agent =
    chosen.filter((each) => each.endpoint === "agent").reduce((total, each) => total + each.seconds, 0) / secondsPerHour;
  const characters = chosen.reduce((total, each) => total + each.characters, 0);
  const amounts = {
    hours: heard,
    total_hours: heard,
    agent_hours: agent,
    tokens_in: 0,
    tokens_out: 0,
    tts_characters: characters,
    requests: chosen.length,
  };
  const more = { endpoint: null, feature_set: null, models: [], method: null, deployment: null };
  return told(call, {
    ...frame(call),
    results: chosen.length === 0 ? [] : [{ ...amounts, grouping: { ...grouping(call), ...more } }],
  });
}

export function billingBreakdown(call: Call): Answer {
  const chosen = chosenBy(call);
  const millionths = chosen.reduce(
    (total, each) => total + Math.round(each.seconds * secondPrice) + each.characters * characterPrice,
    0,
  );
  const more = { deployment: null, line_item: null };
  return told(call, {
    ...frame(call),
    results: chosen.length === 0 ? [] : [{ dollars: millionths / 1e6, grouping: { ...grouping(call), ...more } }],
  });
}

function chosenBy({ query, shelf }: Call): Used[] {
  const accessor = query.get("accessor");
  const tag = query.get("tag");
  return [...used.of(shelf).values()].filter(
    (each) => (accessor === null || each.accessor === accessor) && (tag === null || each.tags.includes(tag)),
  );
}

function frame(call: Call): object {
  const day = call.at.toISOString().slice(0, 10);
  return { start: call.query.get("start") ?? day, end: call.query.get("end") ?? day, resolution: { units: "day", amount: 1 } };
}

function grouping(call: Call): object {
  const day = call.at.toISOString().slice(0, 10);
  const tag = call.query.get("tag");
  return { start: day, end: day, accessor: call.query.get("accessor"), tags: tag === null ? null : [tag] };
}
