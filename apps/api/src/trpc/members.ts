import { z } from "zod";
import { externalId, removeMemberInput, setMemberInput } from "@stack-2025/byok-core/internal";
import { permitted } from "./procedure.ts";
import { memberWire } from "./wire.ts";

export const members = {
  set: permitted("members:write")
    .input(setMemberInput)
    .output(z.null())
    .mutation(async ({ ctx, input }) => {
      await ctx.byok.setMember(input);
      return null;
    }),
  remove: permitted("members:write")
    .input(removeMemberInput)
    .output(z.null())
    .mutation(async ({ ctx, input }) => {
      await ctx.byok.removeMember(input);
      return null;
    }),
  list: permitted("members:write")
    .input(z.strictObject({ organizationId: externalId }))
    .output(z.array(memberWire))
    .query(({ ctx, input }) => ctx.byok.listMembers(input.organizationId)),
};
