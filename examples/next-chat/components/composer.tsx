'use client';

import { type FormEvent, useEffect, useRef } from 'react';
import type { Task } from './message';

export interface ComposerProps {
  to: string;
  task: Task | undefined;
  onSend: (content: string) => void;
  onCancel: () => void;
  onTyping: (isTyping: boolean) => void;
  /** Absent if files cannot be added. */
  onFiles: ((files: FileList) => void) | undefined;
  /** Whether there are files to send, so that the text may be empty. */
  hasFiles: boolean;
}

/** The input for a message, for a reply, or for the new text of a message. */
export function Composer({ to, task, onSend, onCancel, onTyping, onFiles, hasFiles }: ComposerProps) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (task) input.current?.focus();
  }, [task]);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const content = new FormData(event.currentTarget).get('content') as string;
    event.currentTarget.reset();
    if (content.trim() || hasFiles) onSend(content.trim());
  };
  return (
    <form onSubmit={submit} onInput={() => onTyping(true)} onBlur={() => onTyping(false)}>
      {task && (
        <p id="task">
          {task.kind === 'edit' ? 'Edit' : 'Reply to'}: {task.message.content}{' '}
          <button type="button" onClick={onCancel}>
            Cancel
          </button>
        </p>
      )}
      <input
        name="content"
        ref={input}
        defaultValue={task?.kind === 'edit' ? task.message.content : ''}
        aria-label={`Message to ${to}`}
        aria-describedby={task && 'task'}
        autoComplete="off"
      />
      {onFiles && (
        <input
          type="file"
          multiple
          aria-label="Add files"
          onChange={({ target }) => {
            onFiles(target.files as FileList);
            target.value = ''; // the same file can be chosen again
          }}
        />
      )}
      <button type="submit">{task?.kind === 'edit' ? 'Save' : 'Send'}</button>
    </form>
  );
}
