/** What went wrong, in one line. Drivers often put it into the cause, and aggregate errors into `errors`. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner = error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : undefined;
  const cause = error.cause === undefined ? inner : messageOf(error.cause);
  return cause === undefined || cause === '' || error.message.includes(cause)
    ? error.message
    : `${error.message} (${cause})`;
}
