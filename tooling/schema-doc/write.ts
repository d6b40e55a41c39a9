/** `node tooling/schema-doc/write.ts`: makes the table types and docs/DATABASE_SCHEMA.md anew after a migration was added. */
import { writeFile } from "node:fs/promises";
import { documentFile, generateTypes, schemaDocument, typesFile, withLiveSchema } from "./live-schema.ts";

await withLiveSchema(async (connectionString) => {
  await generateTypes(connectionString, typesFile);
  await writeFile(documentFile, await schemaDocument(connectionString));
});
