const FORMAT = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', hour12: false });

/** A time of day. */
export function Time({ of }: { of: Date }) {
  return <time dateTime={of.toISOString()}>{FORMAT.format(of)}</time>;
}
