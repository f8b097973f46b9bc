/**
 * What one device in a call tells another. Whoever is in the conversation can send such signals, with anything in them; so each is
 * checked where it comes in, and nowhere else.
 *
 * @module
 */

import type { VideoSource } from './call-state.js';

/** What one device tells the other. */
export interface SignalContent {
  description?: RTCSessionDescriptionInit | undefined;
  candidates?: RTCIceCandidateInit[] | undefined;
  /** What is sent now. */
  media?: { isMuted: boolean; video: VideoSource | null } | undefined;
}

/** The payload of a signal of the name `call`. */
export interface CallSignal extends SignalContent {
  callId: string;
  /** The ids of the devices in this call. */
  from: string;
  to: string;
  /** The page that sends it, and the page that it is for if that is known. */
  page: string;
  toPage?: string | undefined;
  /** The place of the content among everything that this page tells the other one, from 1. */
  n?: number | undefined;
  /** Up to which place this page has received what the other one tells it. */
  ack?: number | undefined;
  /** The page is being closed or loaded again. */
  bye?: boolean | undefined;
}

/** Reads a payload. What is not as it should be is left out; without the ids, it is no signal. */
export function toSignal(payload: unknown): CallSignal | undefined {
  const { callId, from, to, page, toPage, n, ack, bye, description, candidates, media } = fieldsOf(payload);
  if (!(isText(callId) && isText(from) && isText(to) && isText(page))) return undefined;
  return {
    callId,
    from,
    to,
    page,
    toPage: isText(toPage) ? toPage : undefined,
    n: isPlace(n) ? n : undefined,
    ack: isPlace(ack) ? ack : undefined,
    bye: bye === true,
    description: toDescription(fieldsOf(description)),
    candidates: Array.isArray(candidates) ? candidates.map(fieldsOf) : undefined,
    media: media ? toMedia(fieldsOf(media)) : undefined,
  };
}

type Unchecked = Record<string, unknown>;

const fieldsOf = (value: unknown) => (value && typeof value === 'object' ? value : {}) as Unchecked;
const isText = (value: unknown): value is string => typeof value === 'string';
const isPlace = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;

function toDescription({ type, sdp }: Unchecked): RTCSessionDescriptionInit | undefined {
  return (type === 'offer' || type === 'answer') && isText(sdp) ? { type, sdp } : undefined;
}

function toMedia({ isMuted, video }: Unchecked): SignalContent['media'] {
  return { isMuted: isMuted === true, video: video === 'camera' || video === 'screen' ? video : null };
}
