/**
 * What the storage, which is S3, says of an upload, and whether another attempt can succeed.
 *
 * @module
 */

/** A response of the storage. The text of a refusal is XML with a code such as `BadDigest`. */
export interface StorageResponse {
  status: number;
  text: string;
}

/**
 * What a response means:
 * - `taken`: the storage has the bytes. It takes a file once: with 412 it is there, and the response to an earlier attempt was lost;
 * - `expired`: the URL has expired, and another one is needed;
 * - `temporary`: the same request may succeed later;
 * - `refused`: the storage would say the same again.
 */
export type StorageVerdict = 'taken' | 'expired' | 'temporary' | 'refused';

/**
 * Tells what a response means. S3 has 400 for requests that may succeed later too
 * (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>).
 */
export function verdictOf({ status, text }: StorageResponse): StorageVerdict {
  if (status < 300 || status === 412) return 'taken';
  const code = storageCodeOf({ status, text });
  if (code === 'ExpiredToken' || text.includes('<Message>Request has expired')) return 'expired';
  if (code === 'RequestTimeout' || status >= 500 || [408, 409, 425, 429].includes(status)) return 'temporary';
  return 'refused';
}

/** The code of a refusal, or its status. */
export function storageCodeOf({ status, text }: StorageResponse): string {
  return /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? `status ${status}`;
}
