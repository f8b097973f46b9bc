import type { Mute } from 'funnelcast';
import { type UseConversation, type UseFiles, useVoiceRecorder } from 'funnelcast/react';
import type { ReactNode } from 'react';
import { AttachButton } from '../files/attach-button.js';
import { RecordButton, Recorder } from '../files/recorder.js';
import { Tray } from '../files/tray.js';
import { Composer, type ComposerProps } from './composer.js';

export interface ChatFootProps
  extends Omit<ComposerProps, 'hasFiles' | 'tools'>,
    Pick<UseConversation, 'mute' | 'removed' | 'error'> {
  files: UseFiles;
  onAgain: () => void;
}

/** The composer or, if the user may not write here, why and until when. */
export function ChatFoot({ removed, error, mute, files, onAgain, ...composer }: ChatFootProps) {
  const recorder = useVoiceRecorder();
  if (error?.code === 'banned') {
    return <Notice onAgain={onAgain}>You have been banned from this conversation{inWords(error)}</Notice>;
  }
  if (removed) {
    return <Notice onAgain={onAgain}>You have been taken out of this conversation: {removed.reason}</Notice>;
  }
  if (mute) return <Notice>You may not write here{inWords(mute)}</Notice>;
  const { task, onSend } = composer;
  const isRecording = recorder.state !== 'idle';
  const tools = (
    <>
      <AttachButton onFiles={files.add} />
      <RecordButton {...recorder} />
    </>
  );
  return (
    <>
      <Tray {...files} />
      {isRecording && (
        <Recorder
          {...recorder}
          onSend={recording => {
            files.add([recording]);
            onSend('');
          }}
        />
      )}
      {/* It stays, with what is written in it. */}
      <div hidden={isRecording}>
        <Composer
          key={task?.kind === 'edit' ? task.message.key : 'new'}
          {...composer}
          hasFiles={files.uploads.some(({ isSending, state }) => !isSending && state !== 'failed')}
          tools={tools}
        />
      </div>
    </>
  );
}

function Notice({ children, onAgain }: { children: ReactNode; onAgain?: () => void }) {
  return (
    <div className="removed" role="alert">
      <p>{children}</p>
      {onAgain && (
        <button type="button" className="button" onClick={onAgain}>
          Come back
        </button>
      )}
    </div>
  );
}

const WHEN = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short', hour12: false });

/** Until when a restriction stands, and why, as the rest of a sentence. */
export function inWords({ until, reason }: { [Part in keyof Mute]?: Mute[Part] | undefined }): string {
  return `${until ? ` until ${WHEN.format(new Date(until))}` : ''}${reason ? `: ${reason}` : ''}`;
}
