import { type KeyboardEvent, useId, useState } from 'react';
import { Icon } from '../icon.js';

/** The input for a message. Enter sends it, Shift+Enter starts a new line. */
export function Composer({
  to,
  onSend,
  onTyping,
}: {
  to: string;
  onSend: (content: string) => void;
  onTyping: (isTyping: boolean) => void;
}) {
  const [text, setText] = useState('');
  const id = useId();
  const content = text.trim();
  const submit = () => {
    if (!content) return;
    onSend(content);
    setText('');
  };
  const onKeyDown = (event: KeyboardEvent) => {
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
      <label htmlFor={id} className="for-readers">
        Message to {to}
      </label>
      <textarea
        id={id}
        rows={1}
        placeholder={`Message ${to}`}
        enterKeyHint="send"
        value={text}
        onChange={({ target }) => {
          setText(target.value);
          onTyping(target.value !== '');
        }}
        onBlur={() => onTyping(false)}
        onKeyDown={onKeyDown}
      />
      <button type="submit" className="send" aria-label={`Send to ${to}`} disabled={!content}>
        <Icon name="send" />
      </button>
    </form>
  );
}
