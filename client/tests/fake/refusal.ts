/** Thrown to refuse a request. */
export class Refusal extends Error {
  readonly code: string;
  readonly retryAfterMs: number | undefined;
  readonly terms: { until?: string; reason?: string; field?: string; call?: object };

  /** @param more - when to try again, the message, or until when and why, or which field is at fault, or the call as it is now */
  constructor(
    code: string,
    more?:
      | number
      | string
      | { until?: string; reason?: string; field?: string; message?: string; call?: object },
  ) {
    super(typeof more === 'string' ? more : ((more as { message?: string })?.message ?? `refused: ${code}`));
    this.code = code;
    this.retryAfterMs = typeof more === 'number' ? more : undefined;
    this.terms = typeof more === 'object' ? more : {};
  }
}
