// What accounts keep at Gemini: cached contents, and files, which come in two requests.
import { createHash } from "node:crypto";
import { type Answer, type Call, Drawer, isObject, jsonBody, type PlainAnswer } from "../dialect.ts";
import { badJson, badRequest, permissionDenied, told, vendorHeaders } from "../google/answers.ts";
import { promptOf } from "../google/contents.ts";
import { countPrompt } from "../speech.ts";

interface Cached {
  readonly described: { readonly name: string; readonly [field: string]: unknown };
  readonly tokens: number;
}

interface StoredFile {
  readonly name: string;
  readonly [field: string]: unknown;
}

interface Upload {
  readonly displayName: string | null;
  readonly mimeType: string;
}

const cachedContents = new Drawer<Cached>();
const files = new Drawer<StoredFile>();
const uploads = new Drawer<Upload>();

const hourMs = 3_600_000;

export function createCachedContent(call: Call): Answer {
  const body = jsonBody(call);
  if (body === null) return badJson(call);
  if (typeof body["model"] !== "string")
    return badRequest(call, "* CreateCachedContentRequest.cached_content.model: model is required");
  const contents = Array.isArray(body["contents"]) ? body["contents"] : [];
  const tokens = countPrompt(promptOf(contents, body["systemInstruction"])).inputTokens;
  const name = `cachedContents/sandbox${String(call.sequence).padStart(6, "0")}`;
  const time = call.at.toISOString();
  const described = {
    name,
    model: body["model"],
    displayName: body["displayName"] ?? "",
    createTime: time,
    updateTime: time,
    expireTime: new Date(call.at.getTime() + hourMs).toISOString(),
    usageMetadata: { totalTokenCount: tokens },
  };
  cachedContents.of(call.shelf).set(name, { described, tokens });
  return told(described);
}

export function cachedTokens(call: Call, name: string): number | null {
  return cachedContents.of(call.shelf).get(name)?.tokens ?? null;
}

export function listCachedContents(call: Call): Answer {
  const all = [...cachedContents.of(call.shelf).values()].map((cached) => cached.described);
  return told(all.length === 0 ? {} : { cachedContents: all });
}

export function readCachedContent(call: Call): Answer {
  const cached = cachedContents.of(call.shelf).get(`cachedContents/${call.params[0] ?? ""}`);
  return cached === undefined ? noneOfThatName(call, "CachedContent") : told(cached.described);
}

export function deleteCachedContent(call: Call): Answer {
  return cachedContents.of(call.shelf).delete(`cachedContents/${call.params[0] ?? ""}`)
    ? told({})
    : noneOfThatName(call, "CachedContent");
}

/** The first request says what will come, and is told where to send it. */
export function startUpload(call: Call): Answer {
  if (call.query.has("upload_id")) return finishUpload(call);
  const file = jsonBody(call)?.["file"];
  const displayName = isObject(file) && typeof file["displayName"] === "string" ? file["displayName"] : null;
  const id = `upload${call.sequence}`;
  uploads
    .of(call.shelf)
    .set(id, { displayName, mimeType: call.headers["x-goog-upload-header-content-type"] ?? "application/octet-stream" });
  const address = `${call.baseUrl}${call.path}?upload_id=${id}&upload_protocol=resumable`;
  return { status: 200, headers: { ...vendorHeaders, "x-goog-upload-status": "active", "x-goog-upload-url": address }, body: "" };
}

function finishUpload(call: Call): Answer {
  const id = call.query.get("upload_id") ?? "";
  const upload = uploads.of(call.shelf).get(id);
  if (upload === undefined) return badRequest(call, "Upload id is not known.");
  uploads.of(call.shelf).delete(id);
  const name = `files/sandbox${String(call.sequence).padStart(6, "0")}`;
  const time = call.at.toISOString();
  const file: StoredFile = {
    name,
    ...(upload.displayName !== null && { displayName: upload.displayName }),
    mimeType: upload.mimeType,
    sizeBytes: String(call.body.length),
    createTime: time,
    updateTime: time,
    expirationTime: new Date(call.at.getTime() + 48 * hourMs).toISOString(),
    sha256Hash: Buffer.from(createHash("sha256").update(call.body).digest("hex")).toString("base64"),
    uri: `https://generativelanguage.googleapis.com/v1beta/${name}`,
    state: "ACTIVE",
    source: "UPLOADED",
  };
  files.of(call.shelf).set(name, file);
  return { ...told({ file }), headers: { ...vendorHeaders, "x-goog-upload-status": "final" } };
}

export function listFiles(call: Call): Answer {
  const all = [...files.of(call.shelf).values()].toReversed();
  return told(all.length === 0 ? {} : { files: all });
}

export function readFile(call: Call): Answer {
  const file = files.of(call.shelf).get(`files/${call.params[0] ?? ""}`);
  return file === undefined ? noneOfThatName(call, "File") : told(file);
}

export function deleteFile(call: Call): Answer {
  return files.of(call.shelf).delete(`files/${call.params[0] ?? ""}`) ? told({}) : noneOfThatName(call, "File");
}

/** What another account has and what nobody has are refused alike. */
function noneOfThatName(call: Call, kind: string): PlainAnswer {
  const id = call.params[0] ?? "";
  return permissionDenied(
    call,
    kind === "File"
      ? `You do not have permission to access the File ${id} or it may not exist.`
      : `${kind} not found (or permission denied)`,
  );
}
