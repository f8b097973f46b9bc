import type { ConversationMessage, UseConversation } from 'funnelcast/react';
import { type KeyboardEvent, useId, useRef, useState } from 'react';
import { summaryOf } from '../files/words.js';
import { Icon } from '../icon.js';
import { EMOJIS, hasReacted } from './reactions.js';

/** What the user does with a message in the composer. */
export interface Task {
  kind: 'reply' | 'edit';
  message: ConversationMessage;
}

export interface MessageActionsProps extends Pick<UseConversation, 'react' | 'remove'> {
  message: ConversationMessage;
  me: string;
  mayEdit: boolean;
  mayDelete: boolean;
  onTask: (task: Task) => void;
}

/** A button that shows what can be done with a message: reactions, a reply and, where the user may do so, edit and delete. */
export function MessageActions(props: MessageActionsProps) {
  const { message } = props;
  const [isOpen, setOpen] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const id = useId();
  const close = () => {
    setOpen(false);
    opener.current?.focus();
  };
  const onDeleted = () => {
    setOpen(false);
    // The buttons go with the content, so the message itself gets the focus.
    opener.current?.closest('li')?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') close();
  };
  return (
    <div className="message-actions" data-open={isOpen}>
      <button
        type="button"
        className="icon-button"
        ref={opener}
        aria-label={`Actions for: ${summaryOf(message).slice(0, 40)}`}
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        onClick={() => setOpen(!isOpen)}
      >
        <Icon name="more" />
      </button>
      {isOpen && (
        // biome-ignore lint/a11y/noStaticElementInteractions: Escape leaves the group from any of its buttons
        <div className="buttons" id={id} onKeyDown={onKeyDown}>
          <Picker {...props} onPicked={close} />
          <Buttons {...props} onDone={close} onDeleted={onDeleted} />
        </div>
      )}
    </div>
  );
}

/** The reactions to choose from. */
function Picker({ message, me, react, onPicked }: MessageActionsProps & { onPicked: () => void }) {
  return Object.entries(EMOJIS).map(([emoji, name]) => {
    const isOn = hasReacted(message, emoji, me);
    const pick = () => {
      void react(message, emoji, !isOn);
      onPicked();
    };
    return (
      <button key={emoji} type="button" className="chip" aria-label={name} aria-pressed={isOn} onClick={pick}>
        {emoji}
      </button>
    );
  });
}

function Buttons(props: MessageActionsProps & { onDone: () => void; onDeleted: () => void }) {
  const { message, mayEdit, mayDelete, remove, onTask, onDone, onDeleted } = props;
  const [isSure, setSure] = useState(false);
  const start = (kind: Task['kind']) => {
    onDone();
    onTask({ kind, message });
  };
  const del = () => {
    if (!isSure) return setSure(true);
    void remove(message);
    onDeleted();
  };
  return (
    <>
      <button type="button" className="chip" onClick={() => start('reply')}>
        Reply
      </button>
      {mayEdit && (
        <button type="button" className="chip" onClick={() => start('edit')}>
          Edit
        </button>
      )}
      {mayDelete && (
        <button type="button" className="chip danger" onClick={del}>
          {isSure ? 'Delete for everybody' : 'Delete'}
        </button>
      )}
    </>
  );
}
