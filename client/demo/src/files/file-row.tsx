import type { Attachment } from 'funnelcast';
import { fileLink } from 'funnelcast/files';
import { useClient } from 'funnelcast/react';
import { useState } from 'react';
import { Icon } from '../icon.js';
import { inBytes, refusalOf } from './words.js';

/** A file with its name and size. Pressing it downloads the file, once it has been examined. */
export function FileRow({ file }: { file: Attachment }) {
  const client = useClient();
  const [error, setError] = useState<string>();
  const { id, name, bytes, state } = file;
  const download = async () => {
    setError(undefined);
    try {
      const { url } = await fileLink(client, id);
      // The storage sends it as a download, so the page stays where it is.
      if (url) location.assign(url);
    } catch (thrown) {
      setError((thrown as Error).message);
    }
  };
  const note =
    state === 'refused' ? refusalOf(file.refusal) : state === 'ready' ? inBytes(bytes) : 'Checking…';
  return (
    <button
      type="button"
      className="file-row"
      data-state={state}
      aria-label={`Download ${name}, ${note}`}
      disabled={state !== 'ready'}
      onClick={() => void download()}
    >
      <Icon name={state === 'refused' ? 'alert' : 'file'} />
      <b>{name}</b>
      <span>{error ?? note}</span>
    </button>
  );
}
