import type { Core } from "../core.ts";

/** What a rotation works with. */
export type RotationCore = Pick<Core, "database" | "keyring" | "clock" | "logger" | "ownerRef">;
