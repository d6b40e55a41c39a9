// Text-to-Speech. Its answers tell no usage: the vendor bills the characters of the request, and so the ledger has them.
import { type Answer, type Call, isObject, jsonBody } from "../dialect.ts";
import { badJson, badRequest, told } from "../google/answers.ts";
import { noTokens } from "../ledger.ts";
import { countCharacters, soundOf } from "../speech.ts";

const voices = [
  { languageCodes: ["en-US"], name: "en-US-Chirp3-HD-Achernar", ssmlGender: "FEMALE", naturalSampleRateHertz: 24_000 },
  { languageCodes: ["en-US"], name: "en-US-Neural2-A", ssmlGender: "MALE", naturalSampleRateHertz: 24_000 },
  { languageCodes: ["en-US"], name: "en-US-Standard-A", ssmlGender: "MALE", naturalSampleRateHertz: 24_000 },
  { languageCodes: ["de-DE"], name: "de-DE-Wavenet-A", ssmlGender: "FEMALE", naturalSampleRateHertz: 24_000 },
];
const mostBytes = 5000;

export function listVoices(call: Call): Answer {
  const wanted = (call.query.get("languageCode") ?? "").toLowerCase();
  const fitting = voices.filter((voice) => voice.languageCodes.some((code) => code.toLowerCase().startsWith(wanted)));
  return told(fitting.length === 0 ? {} : { voices: fitting });
}

export function synthesize(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null) return badJson(call);
  const { input, voice } = body;
  const text = isObject(input) ? (input["text"] ?? input["ssml"] ?? input["markup"]) : undefined;
  if (typeof text !== "string" || text === "") return badRequest(call, "Either `input.text` or `input.ssml` must be set.");
  if (!isObject(voice)) return badRequest(call, "Voice must be set.");
  if (Buffer.byteLength(text) > mostBytes) {
    return badRequest(
      call,
      "Either `input.text` or `input.ssml` is longer than the limit of 5000 bytes. This limit is different from quotas.",
    );
  }
  const name = typeof voice["name"] === "string" && voice["name"] !== "" ? voice["name"] : "en-US-Standard-A";
  if (name.includes("does-not-exist")) return badRequest(call, `Voice '${name}' does not exist. Is it misspelled?`);
  const billed = isObject(input) && typeof input["ssml"] === "string" ? text.replaceAll(/<mark\b[^>]*>/g, "") : text;
  return {
    ...told({ audioContent: soundOf(text).toString("base64") }),
    model: name,
    usage: { ...noTokens, characters: countCharacters(billed) },
  };
}
