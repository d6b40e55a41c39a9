import { audit } from "./audit.ts";
import { keys } from "./keys.ts";
import { leaks } from "./leaks.ts";
import { members } from "./members.ts";
import { owners } from "./owners.ts";
import { router } from "./procedure.ts";
import { providers } from "./providers.ts";
import { tokens } from "./tokens.ts";
import { usage } from "./usage.ts";

export const appRouter = router({ keys, usage, members, owners, audit, leaks, tokens, providers });

/** The service's procedures, for typed clients. */
export type AppRouter = typeof appRouter;
