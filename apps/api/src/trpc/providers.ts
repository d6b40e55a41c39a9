import { z } from "zod";
import { provider } from "@stack-2025/byok-core/internal";
import { permitted } from "./procedure.ts";

export const providers = {
  /** Every provider of the contract; `available` says whether this version speaks to it. `name` is the vendor's own. */
  list: permitted("signed-in")
    .input(z.strictObject({}).optional())
    .output(z.array(z.strictObject({ provider, name: z.string().nullable(), available: z.boolean() })))
    .query(async ({ ctx }) => [...ctx.providers]),
};
