import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { summaryOf } from '../files/words.js';
import { Icon } from '../icon.js';
import type { Task } from './message-actions.js';

export interface ComposerProps {
  to: string;
  /** The message that is replied to or edited; absent for a message of its own. */
  task: Task | undefined;
  /** Whether there are files to send, so that no text is needed. */
  hasFiles: boolean;
  /** What can be added to a message. */
  tools?: ReactNode;
  onSend: (content: string) => void;
  onTyping: (isTyping: boolean) => void;
  onCancel: () => void;
}

/** The input for a message, for a reply, or for the new text of one. Enter sends it, Shift+Enter starts a new line. */
export function Composer({ to, task, hasFiles, tools, onSend, onTyping, onCancel }: ComposerProps) {
  const edited = task?.kind === 'edit' ? task.message : undefined;
  const [text, setText] = useState(edited?.content ?? '');
  const input = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  const content = text.trim();
  const isEmpty = content === '' && (!hasFiles || edited !== undefined);
  useEffect(() => {
    if (task) input.current?.focus();
  }, [task]);
  const submit = () => {
    if (isEmpty) return;
    onSend(content);
    setText('');
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape' && task) return onCancel();
    // While an input method composes a character, Enter belongs to it.
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    submit();
  };
  return (
    <form
      className="composer"
      onSubmit={event => {
        event.preventDefault();
        submit();
      }}
    >
      {task && <TaskBar id={`${id}-task`} task={task} onCancel={onCancel} />}
      {!edited && tools}
      <label htmlFor={id} className="for-readers">
        Message to {to}
      </label>
      <textarea
        id={id}
        ref={input}
        aria-describedby={task && `${id}-task`}
        rows={1}
        placeholder={`Message ${to}`}
        enterKeyHint="send"
        value={text}
        onChange={({ target }) => {
          setText(target.value);
          if (!edited) onTyping(target.value !== '');
        }}
        onBlur={() => onTyping(false)}
        onKeyDown={onKeyDown}
      />
      <button
        type="submit"
        className="send"
        aria-label={edited ? 'Save the message' : `Send to ${to}`}
        disabled={isEmpty}
      >
        <Icon name={edited ? 'check' : 'send'} />
      </button>
    </form>
  );
}

/** Says what is being replied to or edited. */
function TaskBar({ id, task, onCancel }: { id: string; task: Task; onCancel: () => void }) {
  return (
    <div className="task">
      <p id={id}>
        <b>{task.kind === 'edit' ? 'Edit' : 'Reply to'}</b> {summaryOf(task.message)}
      </p>
      <button type="button" className="icon-button" aria-label={`Cancel the ${task.kind}`} onClick={onCancel}>
        <Icon name="close" />
      </button>
    </div>
  );
}
