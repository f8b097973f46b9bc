'use client';

import type { Attachment } from 'funnelcast';
import { fileLink } from 'funnelcast/files';
import { type UseFiles, useClient, useFileUrl } from 'funnelcast/react';
import { useState } from 'react';

/** The files that the user is adding to a message. */
export function Uploads({ uploads, retry, cancel }: Pick<UseFiles, 'uploads' | 'retry' | 'cancel'>) {
  return uploads.map(({ key, file, state, sentBytes, bytes, error }) => {
    const { name } = 'file' in file ? file.file : file;
    return (
      <p key={key}>
        {name} <progress aria-label={`Upload of ${name}`} value={sentBytes} max={bytes} /> {error?.message ?? state}{' '}
        {error && (
          <button type="button" onClick={() => retry(key)}>
            Try again
          </button>
        )}
        <button type="button" aria-label={`Remove ${name}`} onClick={() => cancel(key)}>
          Remove
        </button>
      </p>
    );
  });
}

/** A file of a message. */
export function AttachedFile({ file }: { file: Attachment }) {
  if (file.state === 'refused') return <p>{file.name} was refused</p>;
  return file.type.startsWith('image/') ? <Picture file={file} /> : <Download file={file} />;
}

/** The height is always the same, so that nothing moves when the picture arrives. */
function Picture({ file }: { file: Attachment }) {
  const [isInUse, setInUse] = useState(false);
  const { url, error, refresh } = useFileUrl(file, 'thumbnail', { isInUse });
  if (error) return <p>{file.name} cannot be shown</p>;
  return (
    <p className="picture">
      {url && <img src={url} alt={file.name} onLoad={() => setInUse(true)} onError={refresh} />}
    </p>
  );
}

function Download({ file: { id, name, state } }: { file: Attachment }) {
  const client = useClient();
  const download = async () => {
    const { url } = await fileLink(client, id);
    if (url) location.assign(url); // S3 has it saved, and the page stays
  };
  return (
    <p>
      <button type="button" disabled={state !== 'ready'} onClick={() => download().catch(console.error)}>
        {name}
      </button>
    </p>
  );
}
