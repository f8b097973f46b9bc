import type { FileUpload, UseFiles } from 'funnelcast/react';
import { Icon } from '../icon.js';
import { inBytes, problemOf } from './words.js';

const WORDS: Record<FileUpload['state'], string> = {
  waiting: 'Waiting',
  reading: 'Reading',
  uploading: 'Uploading',
  interrupted: 'Waiting for the network',
  uploaded: 'Ready to send',
  failed: 'Failed',
};

/** The files that are being added to a message, with their progress. */
export function Tray({ uploads, cancel, retry }: Pick<UseFiles, 'uploads' | 'cancel' | 'retry'>) {
  if (uploads.length === 0) return null;
  return (
    <ul className="tray" aria-label="Files to send">
      {uploads.map(upload => (
        <Upload
          key={upload.key}
          upload={upload}
          onCancel={() => cancel(upload.key)}
          onRetry={() => retry(upload.key)}
        />
      ))}
    </ul>
  );
}

interface UploadProps {
  upload: FileUpload;
  onCancel: () => void;
  onRetry: () => void;
}

function Upload({ upload, onCancel, onRetry }: UploadProps) {
  const { file, state, sentBytes, bytes, isSending, error } = upload;
  const { name } = 'file' in file ? file.file : file;
  const word = isSending && state === 'uploaded' ? 'Sending' : WORDS[state];
  return (
    <li data-state={state}>
      <b>{name}</b>
      <small>{inBytes(bytes)}</small>
      {state === 'uploading' || state === 'interrupted' ? (
        <progress aria-label={`Upload of ${name}`} value={sentBytes} max={bytes} />
      ) : null}
      <output>{error ? problemOf(error) : word}</output>
      {error && error.code !== 'refused' && (
        <button type="button" className="chip" onClick={onRetry}>
          Try again
        </button>
      )}
      <button type="button" className="icon-button" aria-label={`Remove ${name}`} onClick={onCancel}>
        <Icon name="close" />
      </button>
    </li>
  );
}
