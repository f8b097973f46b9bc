import type { Attachment, FileState } from 'funnelcast';
import { useFileUrl } from 'funnelcast/react';
import { type CSSProperties, useEffect, useRef, useState } from 'react';
import { Icon } from '../icon.js';
import { refusalOf } from './words.js';

/**
 * A picture in a message. Its place has the same height before it is examined, while it loads, and if it is refused, so nothing
 * around it moves; its width follows from the size that the server has found. Pressing it shows the original.
 */
export function Picture({ file }: { file: Attachment }) {
  const { name, width, height, state, refusal } = file;
  const [isLoaded, setLoaded] = useState(false);
  const [isOpen, setOpen] = useState(false);
  const { url, error, refresh } = useFileUrl(file, 'thumbnail', { isInUse: isLoaded });
  const shape = width && height ? ({ '--shape': `${width} / ${height}` } as CSSProperties) : undefined;
  // The server makes no thumbnail of AVIF, and of very large pictures; a browser shows them.
  const hasOnlyOriginal = state === 'ready' && !file.thumbnail;
  const notes: Record<FileState, string> = {
    uploading: '',
    checking: 'Checking…',
    ready: hasOnlyOriginal ? name : '',
    refused: refusalOf(refusal),
  };
  const note = error ? 'It cannot be shown' : notes[state];
  return (
    <>
      <button
        type="button"
        className="picture"
        style={shape}
        data-loaded={isLoaded}
        aria-label={state === 'refused' ? `${name}: ${note}` : `Show ${name}`}
        aria-haspopup="dialog"
        disabled={!url && !hasOnlyOriginal}
        onClick={() => setOpen(true)}
      >
        {url && (
          <img src={url} alt={name} onLoad={() => setLoaded(true)} onError={refresh} draggable={false} />
        )}
        {note && <span className="note">{note}</span>}
      </button>
      {isOpen && <Original file={file} onClose={() => setOpen(false)} />}
    </>
  );
}

/** The whole picture, over the page. Escape, the button, or a click beside it closes it. */
function Original({ file, onClose }: { file: Attachment; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [isLoaded, setLoaded] = useState(false);
  const { url, error, refresh } = useFileUrl(file, 'original', { isInUse: isLoaded });
  useEffect(() => dialog.current?.showModal(), []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes a dialog
    <dialog
      className="original"
      ref={dialog}
      aria-label={file.name}
      onClose={onClose}
      onClick={({ target, currentTarget }) => target === currentTarget && currentTarget.close()}
    >
      <button
        type="button"
        className="icon-button"
        aria-label="Close the picture"
        onClick={() => dialog.current?.close()}
      >
        <Icon name="close" />
      </button>
      {error && <p>{error.message}</p>}
      {url && (
        <img
          src={url}
          alt={file.name}
          width={file.width}
          height={file.height}
          onLoad={() => setLoaded(true)}
          onError={refresh}
        />
      )}
    </dialog>
  );
}
