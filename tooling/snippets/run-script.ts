// The process that a snippet runs in: `node run-script.ts SCRIPT`. Once the last line has run the process ends, as a server that a
// snippet starts would otherwise keep it.
import { pathToFileURL } from "node:url";

const [, , script = ""] = process.argv;
await import(pathToFileURL(script).href);
process.exit(0);
