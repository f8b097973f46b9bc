import type { Attachment } from 'funnelcast';
import { FileRow } from './file-row.js';
import { Picture } from './picture.js';
import { Player } from './player.js';
import { isPicture, isSound } from './words.js';

/** The files of a message, each as what it is: a picture, a player, or a row to download it by. */
export function Attachments({ files, of }: { files: readonly Attachment[]; of: string }) {
  return (
    <ul className="attachments" aria-label={`Files of ${of}`}>
      {files.map(file => (
        <li key={file.id}>
          <One file={file} />
        </li>
      ))}
    </ul>
  );
}

function One({ file }: { file: Attachment }) {
  if (isPicture(file)) return <Picture file={file} />;
  return isSound(file) && file.state !== 'refused' ? <Player file={file} /> : <FileRow file={file} />;
}
