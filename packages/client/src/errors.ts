/** What went wrong at the service, as the classes that the library throws in-process. */
import { TRPCClientError, type TRPCLink } from "@trpc/client";
import { observable } from "@trpc/server/observable";
import type { AppRouter } from "@stack-2025/byok-api";
import { fromWire, ProviderUnavailableError, type BYOKError } from "@stack-2025/byok-crypto";

/** The error that the service named; undefined where it did not answer, or answered something else. */
function named(error: unknown): BYOKError | undefined {
  if (!(error instanceof TRPCClientError)) return undefined;
  const data = error.data as { byok?: unknown } | null | undefined;
  return fromWire(data?.byok);
}

/** Of errors, these are their own; all else is copied onto tRPC's. */
const kept: ReadonlySet<string | symbol> = new Set(["name", "message", "stack", "cause"]);

/** Gives tRPC's errors the marks of ours, so that `instanceof KeyNotFoundError` and `error.code` hold for the raw client too. */
export const markErrors: TRPCLink<AppRouter> =
  () =>
  ({ op, next }) =>
    observable((observer) =>
      next(op).subscribe({
        next: (value) => observer.next(value),
        complete: () => observer.complete(),
        error: (error) => {
          const ours = named(error);
          for (const name of ours ? Reflect.ownKeys(ours) : []) {
            if (!kept.has(name)) Object.defineProperty(error, name, { value: Reflect.get(ours as object, name), configurable: true });
          }
          observer.error(error);
        },
      }),
    );

/**
 * Calls a procedure.
 *
 * @throws BYOKError of the class that the service threw; ProviderUnavailableError where the service gave no answer of its
 * own; the signal's reason where the caller left
 */
export async function called<T>(url: string, call: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  try {
    signal?.throwIfAborted();
    return await call();
  } catch (error) {
    signal?.throwIfAborted();
    const ours = named(error);
    if (ours) throw ours;
    if (!(error instanceof TRPCClientError)) throw error;
    throw new ProviderUnavailableError(`The byok service at ${url} gave no answer that this client understands. Check the address, and that the service runs.`, {
      details: { reason: "service_unavailable", status: (error.data as { httpStatus?: number } | null | undefined)?.httpStatus ?? null },
      cause: error,
    });
  }
}
