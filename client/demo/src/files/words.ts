import type { Attachment, FunnelcastError } from 'funnelcast';
import type { ConversationMessage } from 'funnelcast/react';

const NUMBER = new Intl.NumberFormat('en', { maximumSignificantDigits: 2 });

/** A size in words, such as `1.2 MB`. */
export function inBytes(bytes: number): string {
  if (bytes < 1_000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${NUMBER.format(bytes / 1e3)} kB` : `${NUMBER.format(bytes / 1e6)} MB`;
}

/** A length, such as `1:05`. */
export function inMinutes(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
}

/** Whether a file is shown as a picture. */
export function isPicture({ type }: Pick<Attachment, 'type'>): boolean {
  return /^image\/(jpeg|png|gif|webp|avif)$/.test(type);
}

/** Whether a file is played as sound. */
export function isSound({ type }: Pick<Attachment, 'type'>): boolean {
  return type.startsWith('audio/');
}

/** What a message says or, without a text, which files it brings. */
export function summaryOf({
  content,
  attachments = [],
}: Pick<ConversationMessage, 'content' | 'attachments'>) {
  return content || attachments.map(({ name }) => name).join(', ');
}

const REASONS: Record<NonNullable<Attachment['refusal']>, string> = {
  wrong_type: 'it is not what its name says',
  damaged: 'it is damaged',
  too_many_pixels: 'the picture is too large',
  malware: 'it contains malware',
  too_large: 'it is too large',
};

/** Why a file cannot be read. */
export function refusalOf(refusal: Attachment['refusal']): string {
  return `Refused${refusal ? `: ${REASONS[refusal]}` : ''}`;
}

/** Why a file cannot be sent. */
export function problemOf({ code, message, reason }: FunnelcastError): string {
  return code === 'refused' ? refusalOf(reason as Attachment['refusal']) : message;
}
