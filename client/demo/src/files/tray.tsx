import type { FileUpload, UseFiles } from 'funnelcast/react';
import { Icon } from '../icon.js';
import { inBytes, problemOf } from './words.js';

const WORDS: Record<FileUpload['state'], string> = {
  waiting: 'Waiting',
  reading: 'Reading',
  uploading: 'Uploading',
  paused: 'Paused',
  interrupted: 'Waiting for the network',
  uploaded: 'Ready to send',
  failed: 'Failed',
};

type TrayProps = Pick<UseFiles, 'uploads' | 'cancel' | 'retry' | 'pause' | 'resume'>;

/** The files that are being added to a message, with their progress. */
export function Tray({ uploads, cancel, retry, pause, resume }: TrayProps) {
  if (uploads.length === 0) return null;
  return (
    <ul className="tray" aria-label="Files to send">
      {uploads.map(upload => (
        <Upload
          key={upload.key}
          upload={upload}
          onCancel={() => cancel(upload.key)}
          onRetry={() => retry(upload.key)}
          onPause={() => pause(upload.key)}
          onResume={() => resume(upload.key)}
        />
      ))}
    </ul>
  );
}

interface UploadProps {
  upload: FileUpload;
  onCancel: () => void;
  onRetry: () => void;
  onPause: () => void;
  onResume: () => void;
}

function Upload({ upload, onCancel, onRetry, onPause, onResume }: UploadProps) {
  const { file, state, sentBytes, bytes, isSending, error } = upload;
  const { name } = 'file' in file ? file.file : file;
  const isUnderWay = state === 'uploading' || state === 'interrupted' || state === 'paused';
  const word = isSending && state === 'uploaded' ? 'Sending' : WORDS[state];
  return (
    <li data-state={state}>
      <b>{name}</b>
      <small>{inBytes(bytes)}</small>
      {isUnderWay && <progress aria-label={`Upload of ${name}`} value={sentBytes} max={bytes} />}
      <output>{error ? problemOf(error) : word}</output>
      {isUnderWay && (
        <button type="button" className="chip" onClick={state === 'paused' ? onResume : onPause}>
          {state === 'paused' ? 'Go on' : 'Pause'}
        </button>
      )}
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
