import type { SearchPage } from 'funnelcast';
import type { QuoteProps } from '../chat/quote.js';
import { Result } from './result.js';
import { type AllChats, customerIn } from './scope.js';

export interface ResultsProps extends Pick<QuoteProps, 'nameOf'> {
  /** What the ids of the elements begin with. */
  id: string;
  results: SearchPage['results'];
  /** The place of the active one, or -1. */
  at: number;
  /** The conversations, if it is not only the one that is open. */
  allChats: AllChats | undefined;
  onChoose: (place: number) => void;
}

/** The messages that have been found; of several conversations, each with whose it is. */
export function Results({ id, results, at, allChats, nameOf, onChoose }: ResultsProps) {
  const nameIn = (userId: string | undefined) =>
    allChats?.customers.find(customer => customer.id === userId)?.name ?? nameOf(userId);
  return (
    <div
      className="results"
      role="listbox"
      id={`${id}-results`}
      aria-label="Results"
      hidden={results.length === 0}
    >
      {results.map((result, place) => (
        <Result
          key={`${result.event.channel} ${result.event.seq}`}
          id={`${id}-${place}`}
          result={result}
          chatWith={allChats && customerIn(allChats, result.event.channel)?.name}
          nameOf={nameIn}
          isActive={place === at}
          onChoose={() => onChoose(place)}
        />
      ))}
    </div>
  );
}
