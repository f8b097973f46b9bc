'use client';

import { type FormEvent, useEffect, useRef } from 'react';
import type { Task } from './message';

export interface ComposerProps {
  to: string;
  task: Task | undefined;
  onSend: (content: string) => void;
  onCancel: () => void;
  onTyping: (isTyping: boolean) => void;
}

/** The input for a message, for a reply, or for the new text of a message. */
export function Composer({ to, task, onSend, onCancel, onTyping }: ComposerProps) {
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (task) input.current?.focus();
  }, [task]);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const content = new FormData(event.currentTarget).get('content') as string;
    event.currentTarget.reset();
    if (content.trim()) onSend(content.trim());
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
      <button type="submit">{task?.kind === 'edit' ? 'Save' : 'Send'}</button>
    </form>
  );
}
