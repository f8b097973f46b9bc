import type { Mark } from 'funnelcast';

/** How much of a text is shown before its first mark. */
const BEFORE_CHARS = 30;
const SHOWN_CHARS = 160;

/** A part of a text, and whether it matches the query. */
export interface Part {
  /** Where it begins in the text. */
  start: number;
  text: string;
  isMarked: boolean;
}

/** The part of a message's text around the first mark, divided where its marks begin and end. */
export function excerpt(content: string, marks: readonly Mark[]): Part[] {
  const first = marks[0]?.start ?? 0;
  const begin = first <= BEFORE_CHARS ? 0 : wordAfter(content, first - BEFORE_CHARS, first);
  const end = endOf(content, begin + SHOWN_CHARS);
  const parts: Part[] = [];
  let at = begin;
  const add = (to: number, isMarked: boolean) => {
    if (to > at) parts.push({ start: at, text: content.slice(at, to), isMarked });
    at = Math.max(at, to);
  };
  for (const mark of marks.filter(({ start }) => start < end)) {
    add(mark.start, false);
    add(Math.min(mark.end, end), true);
  }
  add(end, false);
  if (begin > 0) parts.unshift({ start: 0, text: '…', isMarked: false });
  if (end < content.length) parts.push({ start: end, text: '…', isMarked: false });
  return parts;
}

/** Where the next word begins, so that no word and no emoji is cut; `to` if none does before that. */
function wordAfter(content: string, from: number, to: number): number {
  const space = content.indexOf(' ', from);
  return space === -1 || space >= to ? to : space + 1;
}

/** The end of a text that is cut at `at`, but not inside of an emoji. */
function endOf(content: string, at: number): number {
  if (at >= content.length) return content.length;
  return /[\uDC00-\uDFFF]/.test(content.charAt(at)) ? at - 1 : at;
}
