import type { SearchPage } from 'funnelcast';
import type { QuoteProps } from '../chat/quote.js';
import { excerpt } from './excerpt.js';

export interface ResultProps extends Pick<QuoteProps, 'nameOf'> {
  id: string;
  result: SearchPage['results'][number];
  /** With whom the conversation is, where several are searched. */
  chatWith?: string | undefined;
  isActive: boolean;
  onChoose: () => void;
}

const WHEN = new Intl.DateTimeFormat('en', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  hour12: false,
});

/** A message that has been found, with the parts that match in `<mark>`. Pressing it leads to the message. */
export function Result({ id, result: { event, marks }, chatWith, nameOf, isActive, onChoose }: ResultProps) {
  return (
    <button
      type="button"
      role="option"
      className="result"
      id={id}
      tabIndex={-1}
      aria-selected={isActive}
      onClick={onChoose}
    >
      <b>{nameOf(event.from?.userId)}</b> {chatWith && <small>Chat with {chatWith} </small>}
      <time dateTime={event.at}>{WHEN.format(new Date(event.at))}</time>
      <span>
        {excerpt(event.data.content, marks).map(({ start, text, isMarked }) =>
          isMarked ? <mark key={start}>{text}</mark> : text,
        )}
      </span>
    </button>
  );
}
