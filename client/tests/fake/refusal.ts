/** Thrown to refuse a request. */
export class Refusal extends Error {
  readonly code: string;
  readonly retryAfterMs: number | undefined;

  /** @param more - when to try again, or the message */
  constructor(code: string, more?: number | string) {
    super(typeof more === 'string' ? more : `refused: ${code}`);
    this.code = code;
    this.retryAfterMs = typeof more === 'number' ? more : undefined;
  }
}
