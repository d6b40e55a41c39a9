/** `node tooling/permissions-doc/write.ts`: makes docs/permissions.md anew after a role or a scope was changed. */
import { writeFile } from "node:fs/promises";
import { documentFile, permissionsDocument } from "./permissions-document.ts";

await writeFile(documentFile, permissionsDocument());
