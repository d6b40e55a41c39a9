/** What a call was refused with. An error that says so when it was answered instead. */
export function refusalOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => new Error("The call was answered."),
    (error: unknown) => error,
  );
}
