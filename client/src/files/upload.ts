/**
 * The upload of one file, over any number of networks: it is hashed, asked for, sent to the storage and completed.
 *
 * The upload of a file of up to 100 MB is one request, so one that was cut off begins again, to the same URL while that lives, and
 * else to a new one. Before that, the server is asked whether the storage has the file: perhaps only the response was lost. A
 * larger file is uploaded in parts.
 *
 * @module
 */

import { type Attachment, SINGLE_UPLOAD_BYTES_MAX, type Upload } from '../wire.js';
import { completeFile, createFile, type FilesContext, removeFile } from './files-api.js';
import { descriptionOf, fileOf, type OutgoingFile } from './outgoing-file.js';
import {
  failed,
  isExpired,
  isOutdated,
  lost,
  readable,
  refused,
  type Sending,
  transmit,
  type UploadState,
} from './sending.js';
import { sha256 } from './sha256.js';
import { verdictOf } from './storage-verdict.js';
import { uploadParts } from './upload-parts.js';

/** Called when an upload has made progress. */
export type Report = (state: UploadState, sentBytes: number) => void;

/**
 * Uploads a file. It is not in any message yet.
 *
 * @throws {@link FunnelcastError} with the code of the server; `too_large` or `bad_request` with the field `bytes`, `type` or
 * `name` before anything is uploaded; `conflict` with the field `file` if it was changed in the meantime; `disconnected` if the
 * storage cannot be reached although the server can; or the reason of the signal
 */
export async function uploadFile(
  context: FilesContext,
  outgoing: OutgoingFile,
  report: Report,
): Promise<Attachment> {
  const file = fileOf(outgoing);
  const description = descriptionOf(outgoing);
  report('reading', 0);
  const isLarge = file.size > SINGLE_UPLOAD_BYTES_MAX; // then each part is hashed for itself
  const hash = isLarge ? undefined : await readable(() => sha256(file, context.signal), context.signal);
  const draft = { channel: context.channel, ...description, ...(hash !== undefined && { sha256: hash }) };
  let lastBytes = 0;
  const reportNow = (state: UploadState, sentBytes = lastBytes) => {
    lastBytes = sentBytes;
    report(state, sentBytes);
  };
  const onInterrupted = (isLost: boolean) => reportNow(isLost ? 'interrupted' : 'uploading');
  const sending: Sending = {
    context: { ...context, onInterrupted },
    file,
    failures: 0,
    attempts: 0,
    advances: 0,
    report: reportNow,
  };
  for (;;) {
    const { fileId, parts, upload } = await createFile(sending.context, draft);
    let attachment: Attachment | undefined;
    try {
      attachment = parts
        ? await uploadParts(sending, { fileId, parts })
        : await uploadWhole(sending, fileId, upload as Upload);
    } finally {
      // It was cancelled, has failed, or begins again as another file.
      if (!attachment) removeFile(context.client, fileId);
    }
    if (!attachment) continue;
    report('uploaded', file.size);
    return attachment;
  }
}

/** Uploads a file to a URL until the storage has it; `undefined` if the URL has expired before. */
async function uploadWhole(
  sending: Sending,
  fileId: string,
  upload: Upload,
): Promise<Attachment | undefined> {
  const { context, file } = sending;
  for (let attempt = 1; attempt === 1 || !isExpired(upload); attempt++) {
    const outcome = await transmit(sending, upload, file, 0);
    if (outcome === 'lost') await lost(sending);
    else if (isOutdated(outcome, upload, attempt === 1)) {
      await failed(sending, outcome); // the next URL may be refused as well
      return undefined;
    } else if (verdictOf(outcome) === 'refused') throw refused(outcome);
    // This waits for the network.
    const attachment = await completeFile(context, fileId);
    if (attachment) return attachment;
    await failed(sending, outcome);
  }
  return undefined;
}
