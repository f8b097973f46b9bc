import { useId } from 'react';
import type { Customer } from '../room.js';

/** All conversations of a company, which its team may search. */
export interface AllChats {
  companyId: string;
  customers: Customer[];
  /** Opens the conversation with a customer at a message. */
  onOpen: (customer: Customer, seq: number) => void;
}

/** The customer whose conversation a channel is. */
export function customerIn({ customers }: AllChats, channel: string): Customer | undefined {
  return customers.find(({ conversationId }) => channel === `conversation:${conversationId}`);
}

export interface ScopeProps {
  isAll: boolean;
  onChange: (isAll: boolean) => void;
}

/** The choice of what is searched. */
export function Scope({ isAll, onChange }: ScopeProps) {
  const name = useId();
  return (
    <fieldset className="search-scope">
      <legend className="for-readers">Search in</legend>
      <label>
        <input type="radio" name={name} checked={!isAll} onChange={() => onChange(false)} /> This chat
      </label>
      <label>
        <input type="radio" name={name} checked={isAll} onChange={() => onChange(true)} /> All chats
      </label>
    </fieldset>
  );
}
