// POST /v1/speak. The characters that are billed stand in a header, before any audio.
import { type Answer, type Call, jsonBody, type StreamEvent, textIn } from "../dialect.ts";
import { noTokens } from "../ledger.ts";
import { countCharacters, soundOf } from "../speech.ts";
import { modernRefusal, refusal, vendorHeaders } from "./answers.ts";
import { projectOf } from "./keys.ts";
import { noSuchModel } from "./listen.ts";
import { noteUse } from "./usage-book.ts";
import { uuidOf } from "./voices.ts";

const mostCharacters = 2000;
const pieceBytes = 1024;

export function speakAloud(call: Call): Answer {
  const body = jsonBody(call);
  const text = body === null ? "" : textIn(body, "text");
  const model = call.query.get("model") ?? "aura-asteria-en";
  if (text === "")
    return modernRefusal(
      call,
      400,
      "INVALID_JSON",
      "Invalid JSON submitted.",
      "Json deserialize error: missing field `text` at line 1 column 2",
    );
  if (model.includes("does-not-exist")) return noSuchModel(call);
  const characters = countCharacters(text);
  if (characters > mostCharacters)
    return refusal(call, 413, "PAYLOAD_TOO_LARGE", `Input text exceeds maximum character limit of ${mostCharacters}.`);
  noteUse(call, "speak", { characters });
  return {
    status: 200,
    headers: {
      "content-type": call.query.get("encoding") === "linear16" ? "audio/wav" : "audio/mpeg",
      ...vendorHeaders(call),
      "dg-project-id": projectOf(call),
      "dg-model-name": model,
      "dg-model-uuid": uuidOf(model),
      "dg-char-count": String(characters),
    },
    model,
    headerUsage: { ...noTokens, characters },
    events: piecesOf(soundOf(text)),
    failure: { text: "" },
  };
}

function* piecesOf(sound: Buffer): Generator<StreamEvent> {
  for (let at = 0; at < sound.length; at += pieceBytes) yield { text: sound.subarray(at, at + pieceBytes) };
}
