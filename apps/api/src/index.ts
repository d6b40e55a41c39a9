export { startApi, type Api, type ApiOptions } from "./server.ts";
export type { AppRouter } from "./trpc/router.ts";
