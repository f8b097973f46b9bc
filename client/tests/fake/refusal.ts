/** Thrown to refuse a request. */
export class Refusal extends Error {
  readonly code: string;
  readonly retryAfterMs: number | undefined;
  readonly terms: { until?: string; reason?: string };

  /** @param more - when to try again, the message, or until when and why */
  constructor(code: string, more?: number | string | { until?: string; reason?: string }) {
    super(typeof more === 'string' ? more : `refused: ${code}`);
    this.code = code;
    this.retryAfterMs = typeof more === 'number' ? more : undefined;
    this.terms = typeof more === 'object' ? more : {};
  }
}
