// Files: each account has its own. What an account itself put there cannot be downloaded again.
import { type Answer, type Call, Drawer, json, type PlainAnswer } from "../dialect.ts";
import { formOf } from "../multipart.ts";
import { badRequest, refusal, vendorHeaders } from "./answers.ts";

const files = new Drawer<{ readonly id: string; readonly [field: string]: unknown }>();

export async function uploadFile(call: Call): Promise<Answer> {
  const file = (await formOf(call))?.get("file") ?? null;
  if (file === null || typeof file === "string") return badRequest(call, "file: Field required");
  const id = `file_sandbox${String(call.sequence).padStart(12, "0")}`;
  const described = {
    id,
    type: "file",
    filename: file.name,
    mime_type: file.type || "application/octet-stream",
    size_bytes: file.size,
    created_at: call.at.toISOString(),
    downloadable: false,
  };
  files.of(call.shelf).set(id, described);
  return json(200, vendorHeaders(call), described);
}

/** The newest first. */
export function listFiles(call: Call): Answer {
  const data = [...files.of(call.shelf).values()].toReversed();
  return json(200, vendorHeaders(call), {
    data,
    has_more: false,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
  });
}

export function readFile(call: Call): Answer {
  const file = files.of(call.shelf).get(call.params[0] ?? "");
  return file === undefined ? noSuchFile(call) : json(200, vendorHeaders(call), file);
}

export function downloadFile(call: Call): Answer {
  return files.of(call.shelf).has(call.params[0] ?? "")
    ? badRequest(call, `File ${call.params[0] ?? ""} is not downloadable.`)
    : noSuchFile(call);
}

export function deleteFile(call: Call): Answer {
  const id = call.params[0] ?? "";
  return files.of(call.shelf).delete(id) ? json(200, vendorHeaders(call), { id, type: "file_deleted" }) : noSuchFile(call);
}

function noSuchFile(call: Call): PlainAnswer {
  return refusal(call, 404, "not_found_error", `File not found: ${call.params[0] ?? ""}`);
}
