/**
 * Where every procedure begins: with the permission that it needs. There is no other way to make one, so a procedure that
 * declares none does not compile.
 */
import { initTRPC, TRPCError, type AnyTRPCProcedure, type TRPCMutationProcedure, type TRPCQueryProcedure } from "@trpc/server";
import { ZodError, type z } from "zod";
import { BYOKError, InvalidInputError, PermissionDeniedError, toWire, type WireError } from "@stack-2025/byok-crypto";
import { errorStatus } from "../error-status.ts";
import type { RequestContext } from "./context.ts";

const t = initTRPC.context<RequestContext>().create({
  // Stacks stay here.
  isDev: false,
  errorFormatter({ shape, error }): typeof shape & { data: { byok?: WireError } } {
    const { cause } = error;
    if (cause instanceof BYOKError) return { ...shape, message: cause.message, data: { ...shape.data, byok: toWire(cause) } };
    // What nobody foresaw is said in no words of its own: its text may hold what it was given.
    return error.code === "INTERNAL_SERVER_ERROR" ? { ...shape, message: "The service failed; its log says why." } : shape;
  },
});

/** Our errors keep their class and get their status; a fault of the input is one of ours. */
const translated = t.middleware(async ({ ctx, next }) => {
  const result = await next();
  if (result.ok) return result;
  const error = ownErrorOf(result.error);
  ctx.refused(error);
  if (error) throw new TRPCError({ code: errorStatus[error.code].trpc, message: error.message, cause: error });
  return result;
});

function ownErrorOf(error: TRPCError): BYOKError | undefined {
  if (error.cause instanceof BYOKError) return error.cause;
  if (error.code !== "BAD_REQUEST" || !(error.cause instanceof ZodError)) return undefined;
  const issues = error.cause.issues.map((issue) => ({ path: issue.path.join("."), message: issue.message }));
  const first = issues[0];
  return new InvalidInputError(first ? `${first.path || "input"}: ${first.message}` : "the input is malformed", { issues });
}

/** What a caller's token has to have a scope for. `signed-in`: any token may. */
export type Permission =
  | "signed-in"
  | "keys:read"
  | "keys:write"
  | "keys:reveal"
  | "usage:read"
  | "usage:write"
  | "members:write"
  | "audit:read"
  | "tokens:write"
  | "system";

/** A procedure whose permission stands in its type, and on it. */
export type Permitted<P extends Permission, Procedure> = Procedure & { readonly permission: P };

/** A procedure's types, as its client sees them. */
export interface Shape<I extends z.ZodType, O extends z.ZodType> {
  input: z.input<I>;
  output: z.output<O>;
  meta: object;
}
type Resolve<I extends z.ZodType, O extends z.ZodType> = (call: { ctx: RequestContext; input: z.output<I> }) => Promise<z.input<O>>;

/** Begins a procedure: its permission, its input, its output, what it does: `permitted("keys:write").input(…).output(…).mutation(…)`. */
export function permitted<P extends Permission>(permission: P) {
  const allowed = t.procedure.use(translated).use(({ ctx, next }) => {
    if (permission !== "signed-in" && !ctx.scopes.includes(permission)) {
      throw new PermissionDeniedError(`This service token may not do this: it lacks the scope ${permission}.`, {
        details: { reason: "missing_scope", action: permission },
      });
    }
    return next();
  });
  return {
    input<I extends z.ZodType>(input: I) {
      return {
        output<O extends z.ZodType>(output: O) {
          // The types are said here once, in place of tRPC's own, which generic schemas leave unresolved.
          const shaped = allowed.input(input).output(output);
          return {
            query: (resolve: Resolve<I, O>) => Object.assign(shaped.query(resolve as never), { permission }) as unknown as Permitted<P, TRPCQueryProcedure<Shape<I, O>>>,
            mutation: (resolve: Resolve<I, O>) =>
              Object.assign(shaped.mutation(resolve as never), { permission }) as unknown as Permitted<P, TRPCMutationProcedure<Shape<I, O>>>,
          };
        },
      };
    },
  };
}

/** Groups of procedures by name. */
export type PermittedGroups = Record<string, Record<string, Permitted<Permission, AnyTRPCProcedure>>>;

/** The router of these groups. A procedure that was not begun by {@link permitted} does not compile. */
export const router = <Groups extends PermittedGroups>(groups: Groups) => t.router(groups);
