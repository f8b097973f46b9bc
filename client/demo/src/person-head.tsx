import type { State } from 'funnelcast';
import { useWebSocket } from 'funnelcast/react';
import type { ReactNode } from 'react';
import { CodeButton } from './code/code-button.js';
import type { Who } from './room.js';

/** The states of the connection, in words for a user. */
const WORDS: Record<State, string> = {
  idle: 'Not connected',
  connecting: 'Connecting',
  connected: 'Live',
  waiting: 'Offline',
  polling: 'Slow connection',
  closed: 'Signed out',
};

export interface PersonHeadProps {
  me: Who;
  /** What the person does, in words. */
  children: string;
  /** What their app has in its head, beside the connection. */
  tools?: ReactNode;
}

/** Shows a person, and whether they are connected. */
export function PersonHead({ me, children, tools }: PersonHeadProps) {
  const { state } = useWebSocket();
  return (
    <header className="person-head">
      <Avatar name={me.name} role={me.role} />
      <div>
        <h2>{me.name}</h2>
        <p>{children}</p>
      </div>
      <output className="pill" data-state={state} aria-label={`Connection of ${me.name}`}>
        {WORDS[state]}
      </output>
      {tools}
      <CodeButton of={`${me.name}’s client`} file="people.ts" />
    </header>
  );
}

/** The initial of a person, in a circle. */
export function Avatar({ name, role }: Pick<Who, 'name' | 'role'>) {
  return (
    <span className="avatar" data-role={role} aria-hidden="true">
      {name.slice(0, 1)}
    </span>
  );
}
