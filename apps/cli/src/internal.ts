/** What `npm start` is made of, beside the command. Source only: it is not published. */
export { createPrivateFile, prepareDataFolder, readPrivateFile, replacePrivateFile } from "./data-folder.ts";
export { exitCodeOf } from "./exit-codes.ts";
export { readDevFile, removeDevFile, writeDevFile, type DevFile } from "./dev-file.ts";
export { type OpenDatabase } from "./embedded.ts";
export { makeManager, openDatabase, rootKeyFor } from "./installation.ts";
export { writeError, type Io } from "./io.ts";
export { makeLogger } from "./log.ts";
export { guardProcess, stopInOrder, stopRequested, type Part } from "./process-guards.ts";
export { listen } from "./serve.ts";
export { startWorkerProcess } from "@stack-2025/byok-worker";
