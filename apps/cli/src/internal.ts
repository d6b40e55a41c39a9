/** What `npm start` is made of, beside the command. Source only: it is not published. */
export { createPrivateFile, prepareDataFolder, readPrivateFile, replacePrivateFile } from "./data-folder.ts";
export { exitCodeOf } from "./exit-codes.ts";
export { readDevFile, removeDevFile, writeDevFile, type DevFile } from "./dev-file.ts";
export { type OpenDatabase } from "./embedded.ts";
export { makeManager, openDatabase, rootKeyFor } from "./installation.ts";
export { writeError, type Io } from "./io.ts";
export { makeLogger } from "./log.ts";
export { guardProcess, stopInOrder, stopRequested, type Part } from "./process-guards.ts";

/** The service and the worker, which take half a second to load: `npm start` does it while the database starts. */
export const loadService = async () => {
  const [{ listen }, { startWorkerProcess }] = await Promise.all([import("./serve.ts"), import("@stack-2025/byok-worker")]);
  return { listen, startWorkerProcess };
};
