// Files: each account has its own, so that a test can see whether one tenant reaches another's through a shared key.
import { type Answer, type Call, Drawer, json, type PlainAnswer } from "../dialect.ts";
import { badRequest, missing, refusal, vendorHeaders } from "./answers.ts";
import { formOf, textField } from "../multipart.ts";

interface StoredFile {
  readonly content: Buffer;
  readonly described: { readonly id: string; readonly purpose: string; readonly [field: string]: unknown };
}

const files = new Drawer<StoredFile>();

export async function uploadFile(call: Call): Promise<Answer> {
  const form = await formOf(call);
  if (form === null) return badRequest(call, "Invalid body: failed to parse multipart form.", null, null);
  const file = form.get("file");
  const purpose = textField(form, "purpose");
  if (file === null || typeof file === "string") return missing(call, "file");
  if (purpose === null) return missing(call, "purpose");
  const id = storeFile(call, file.name, purpose, Buffer.from(await file.arrayBuffer()));
  return json(200, vendorHeaders(call), files.of(call.shelf).get(id)?.described);
}

/** Puts a file on the account's shelf; returns its id. */
export function storeFile(call: Call, filename: string, purpose: string, text: Buffer | string): string {
  const content = typeof text === "string" ? Buffer.from(text) : text;
  const id = `file-sandbox${String(call.sequence).padStart(6, "0")}`;
  const createdAt = Math.floor(call.at.getTime() / 1000);
  const described = {
    object: "file", id, purpose, filename, bytes: content.length, created_at: createdAt, expires_at: null, status: "processed", status_details: null,
  };
  files.of(call.shelf).set(id, { content, described });
  return id;
}

/** What a file of the account holds; null when it has none of that id. */
export function contentOf(call: Call, id: string): Buffer | null {
  return files.of(call.shelf).get(id)?.content ?? null;
}

/** The newest first, unless `order=asc`; `after` names the last one seen. */
export function listFiles(call: Call): Answer {
  const { query } = call;
  const inOrder = [...files.of(call.shelf).values()].map((file) => file.described);
  const wanted = (query.get("order") === "asc" ? inOrder : inOrder.toReversed()).filter(
    (file) => (query.get("purpose") ?? file.purpose) === file.purpose,
  );
  const limit = Math.max(1, Math.min(10_000, Number(query.get("limit") ?? 10_000) || 10_000));
  const start = wanted.findIndex((file) => file.id === query.get("after")) + 1;
  const data = wanted.slice(start, start + limit);
  const page = { has_more: start + limit < wanted.length, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
  return json(200, vendorHeaders(call), { object: "list", data, ...page });
}

export function readFile(call: Call): Answer {
  const file = files.of(call.shelf).get(call.params[0] ?? "");
  return file === undefined ? noSuchFile(call) : json(200, vendorHeaders(call), file.described);
}

export function readFileContent(call: Call): Answer {
  const file = files.of(call.shelf).get(call.params[0] ?? "");
  if (file === undefined) return noSuchFile(call);
  return { status: 200, headers: { "content-type": "application/octet-stream", ...vendorHeaders(call) }, body: file.content };
}

export function deleteFile(call: Call): Answer {
  const id = call.params[0] ?? "";
  return files.of(call.shelf).delete(id) ? json(200, vendorHeaders(call), { id, object: "file", deleted: true }) : noSuchFile(call);
}

function noSuchFile(call: Call): PlainAnswer {
  const message = `No such File object: ${call.params[0] ?? ""}`;
  return refusal(call, 404, { message, type: "invalid_request_error", param: "id", code: null });
}
