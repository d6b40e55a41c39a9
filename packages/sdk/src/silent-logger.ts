import type { Logger } from "./byok.ts";

const nothing = (): void => undefined;

/** Where no logger is given, nothing is said. */
export const silentLogger: Logger = { trace: nothing, debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silentLogger };
