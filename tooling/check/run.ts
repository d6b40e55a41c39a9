// `npm run check`: types, lint, what nothing uses, and whether the published packages can be imported. All of them run, so that
// one look shows everything. What is a rule about our own files (imports, lock, catalog, documents) is a test, in `npm test`.
import path from "node:path";
import { checks, runCheck } from "./checks.ts";

const root = path.resolve(import.meta.dirname, "../..");
const passed = await Promise.all(checks.map((check) => runCheck(check, root)));
const failed = checks.filter((_check, index) => !passed[index]).map((check) => check.name);
process.stdout.write(failed.length === 0 ? "All checks passed.\n" : `Failed: ${failed.join(", ")}.\n`);
process.exitCode = failed.length === 0 ? 0 : 1;
