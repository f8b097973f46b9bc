/** The search of the fake server: it finds words as they are written. */

import type { AnyEvent, EventOf } from '../../src/index.js';

/** The messages that have the words of a query, the newest first, with the first place of each word. */
export function found(events: AnyEvent[], query: string) {
  const words = query.match(/[^" ]+/g) ?? [];
  const messages = events.filter((event): event is EventOf<'chat.message'> => event.event === 'chat.message');
  const matches = messages.filter(({ data }) => words.every(word => data.content.includes(word)));
  return matches
    .reverse()
    .map(event => ({ event, marks: words.map(word => mark(event.data.content, word)) }));
}

function mark(content: string, word: string) {
  const start = content.indexOf(word);
  return { start, end: start + word.length };
}
