'use client';

import type { SearchPage } from 'funnelcast';
import { useClient } from 'funnelcast/react';
import { type FormEvent, useState } from 'react';

type Result = SearchPage['results'][number];

/** Searches a conversation: words in any of their forms, and "phrases" in quotes. */
export function Search({ conversationId }: { conversationId: string }) {
  const client = useClient();
  const [query, setQuery] = useState('');
  const [results, setResults] = useState<Result[]>([]);
  const [next, setNext] = useState<string>();
  const [status, setStatus] = useState('');

  const search = async (query: string, before: Result[], cursor?: string) => {
    setStatus('Searching…');
    try {
      const page = await client.search(`conversation:${conversationId}`, query, { cursor });
      const all = [...before, ...page.results];
      setQuery(query);
      setResults(all);
      setNext(page.next);
      setStatus(
        `${all.length || 'No'} ${all.length === 1 ? 'message' : 'messages'} found${page.next ? ' so far' : ''}.`,
      );
    } catch (error) {
      setStatus((error as Error).message);
    }
  };
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const query = new FormData(event.currentTarget).get('query') as string;
    if (query.trim()) void search(query.trim(), []);
  };
  return (
    <search>
      <form onSubmit={submit}>
        <input type="search" name="query" aria-label="Search for" placeholder="Words, or a “phrase”" />
        <button type="submit">Search</button>
      </form>
      <output>{status}</output>
      <ul aria-label="Results">
        {results.map(({ event, marks }) => (
          <li key={event.seq}>
            <b>{event.from?.name}</b> <Marked text={event.data.content} marks={marks} />
          </li>
        ))}
      </ul>
      {next && (
        <button type="button" onClick={() => search(query, results, next)}>
          Search further back
        </button>
      )}
    </search>
  );
}

/** A text with its parts that match in `<mark>`. */
function Marked({ text, marks }: { text: string; marks: Result['marks'] }) {
  const ends = [0, ...marks.map(({ end }) => end)];
  return (
    <>
      {marks.map(({ start, end }, at) => (
        <span key={start}>
          {text.slice(ends[at], start)}
          <mark>{text.slice(start, end)}</mark>
        </span>
      ))}
      {text.slice(ends.at(-1))}
    </>
  );
}
