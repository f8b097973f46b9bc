import { type KeyboardEvent, useEffect, useId, useState } from 'react';
import type { QuoteProps } from '../chat/quote.js';
import { CodeButton } from '../code/code-button.js';
import { Icon } from '../icon.js';
import { Results } from './results.js';
import { type AllChats, customerIn, Scope } from './scope.js';
import type { Find } from './use-find.js';
import { type Found, type SearchChannel, useSearch } from './use-search.js';

/** The button that opens the search. */
export function FindButton({ find }: { find: Find }) {
  return (
    <button
      type="button"
      className="icon-button"
      ref={find.opener}
      aria-label="Search the chat"
      title="Search the chat (Ctrl+F)"
      aria-keyshortcuts="Control+F Meta+F"
      aria-expanded={find.isOpen}
      onClick={find.isOpen ? find.close : find.open}
    >
      <Icon name="search" />
    </button>
  );
}

export interface SearchProps extends Pick<QuoteProps, 'nameOf' | 'onJump'> {
  conversationId: string;
  /** All conversations, if the user may search them. */
  allChats?: AllChats | undefined;
  find: Find;
}

/**
 * Searches a conversation, or all of a company. The focus stays in the box: the arrow keys walk through the results, Enter leads
 * to the message, and Escape closes the search.
 */
export function Search({ conversationId, allChats, find, nameOf, onJump }: SearchProps) {
  const [query, setQuery] = useState('');
  const [isAll, setAll] = useState(false);
  const channel: SearchChannel =
    isAll && allChats ? `inbox:${allChats.companyId}` : `conversation:${conversationId}`;
  const [found, more] = useSearch(channel, query.trim());
  const [at, setAt] = useState(-1);
  const id = useId();
  // The stack knows ids. Whose conversation that is, the app knows.
  const results = allChats
    ? found.results.filter(({ event }) => customerIn(allChats, event.channel))
    : found.results;
  const active = results[at];
  /** Whether they are the results of what is in the box now. */
  const isOfQuery = found.query === query.trim() && found.channel === channel;
  useEffect(() => find.input.current?.focus(), [find.input]);
  useEffect(() => {
    if (active) document.getElementById(`${id}-${at}`)?.scrollIntoView({ block: 'nearest' });
  }, [active, at, id]);

  const setScope = (all: boolean) => {
    setAll(all);
    setAt(-1);
  };
  const choose = (place: number) => {
    setAt(place);
    const { channel = '', seq = 0 } = results[place]?.event ?? {};
    const customer = allChats && customerIn(allChats, channel);
    if (customer && customer.conversationId !== conversationId) allChats.onOpen(customer, seq);
    else onJump(seq);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const move = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (move) {
      if (at + move === results.length) more();
      setAt(Math.max(-1, Math.min(at + move, results.length - 1)));
    } else if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
      if (isOfQuery && results.length > 0) choose(Math.max(at, 0));
    } else return;
    event.preventDefault();
  };
  return (
    <search
      className="search"
      aria-label="Search the chat"
      onKeyDown={({ key }) => key === 'Escape' && find.close()}
    >
      <div className="search-box">
        <Icon name="search" />
        <input
          ref={find.input}
          role="combobox"
          aria-label="Search for"
          aria-autocomplete="list"
          aria-expanded={results.length > 0}
          aria-controls={`${id}-results`}
          aria-activedescendant={active && `${id}-${at}`}
          autoComplete="off"
          placeholder="Words, or a “phrase”"
          value={query}
          onChange={({ target }) => {
            setQuery(target.value);
            setAt(-1);
          }}
          onKeyDown={onKeyDown}
        />
        <CodeButton of="the search" file="search/use-search.ts" />
        <button type="button" className="icon-button" aria-label="Close the search" onClick={find.close}>
          <Icon name="close" />
        </button>
      </div>
      {allChats && <Scope isAll={isAll} onChange={setScope} />}
      <output className="search-status">{inWords({ ...found, results })}</output>
      <Results
        {...{ id, results, at, nameOf }}
        allChats={found.channel?.startsWith('inbox:') ? allChats : undefined}
        onChoose={choose}
      />
      {found.next !== undefined && (
        <button type="button" className="button" aria-disabled={found.isSearching} onClick={more}>
          {results.length > 0 ? 'More results' : 'Search further back'}
        </button>
      )}
    </search>
  );
}

/** What has become of the search, for people who see it and for screen readers. */
function inWords({ query, results, next, isSearching, error }: Found): string {
  if (error !== undefined) return `Not searched: ${error}`;
  if (isSearching) return 'Searching…';
  if (query === '') return '';
  if (results.length === 0) return `No message has “${query}”${next === undefined ? '' : ' so far'}.`;
  const count = results.length === 1 ? '1 message' : `${results.length} messages`;
  return next === undefined ? `${count} found.` : `${count} found so far.`;
}
