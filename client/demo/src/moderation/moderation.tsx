import type { Moderator } from 'funnelcast';
import { useState } from 'react';
import { inWords } from '../chat/chat-foot.js';
import { Menu, MenuChoice, MenuItem } from '../menu/menu.js';
import type { Who } from '../room.js';
import { useRestriction } from './use-restriction.js';

const TEN_MINUTES_MS = 10 * 60_000;
/** What the user is told. */
const REASONS = ['Spam', 'Off topic', 'Please stay friendly'] as const;
const WORDS = { none: '', mute: 'muted', ban: 'banned' };

export interface ModerationProps {
  moderator: Moderator;
  conversationId: string;
  /** Who is moderated. */
  other: Who;
}

/** The menu by which the team mutes and bans a user, and what stands. */
export function Moderation({ moderator, conversationId, other }: ModerationProps) {
  const { standing, error, change } = useRestriction(moderator, conversationId, other.id);
  const [reason, setReason] = useState<string>(REASONS[0]);
  return (
    <>
      <Menu label={`Moderate ${other.name}`} icon="shield">
        <MenuItem onChoose={() => void change('mute', { reason, forMs: TEN_MINUTES_MS })}>
          Mute for 10 minutes
        </MenuItem>
        <MenuItem onChoose={() => void change('mute', { reason })}>Mute for good</MenuItem>
        <MenuItem onChoose={() => void change('ban', { reason })}>Ban from this chat</MenuItem>
        {standing && (
          <MenuItem onChoose={() => void change('none')}>Lift the {standing.restriction}</MenuItem>
        )}
        <MenuChoice label="Reason" options={REASONS} chosen={reason} onChoose={setReason} />
      </Menu>
      {/* It is there from the beginning, because a screen reader must know it before there is something to read. */}
      <output className="restriction" aria-label={`Restriction of ${other.name}`}>
        {standing && `${other.name} is ${WORDS[standing.restriction]}${inWords(standing)}`}
        {error !== undefined && ` Not changed: ${error}`}
      </output>
    </>
  );
}
