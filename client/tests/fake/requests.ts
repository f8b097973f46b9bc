/** The checks that the real server makes on every frame first, so that a mistake in a test is noticed. */

import { Refusal } from './refusal.js';

/** A frame that a client has sent. */
export type Frame = { action: string; id: string; channel: string } & Record<string, unknown>;

/** API Gateway's limit on a frame, in bytes. */
export const FRAME_BYTES_MAX = 32 * 1024;
const CONTENT_BYTES_MAX = 16_384;
const METADATA_BYTES_MAX = 4_096;

/** The fields of each action. A question mark means optional. */
const ACTIONS: Record<string, string> = {
  join: 'channel since? grant? order?',
  leave: 'channel order?',
  send: 'channel event data key? base?',
  ack: 'channel seq state',
  history: 'channel before? after? latest? limit contains? only?',
  search: 'channel? companyId? query limit cursor?',
  inbox: 'companyId? limit cursor?',
  presence: 'channel',
  receipts: 'channel',
  call: 'channel callId change peerId media? reason?',
  status: '',
  ping: 'token?',
};

const NUMBERS = ['since', 'order', 'base', 'seq', 'before', 'after', 'limit'];

export const bytes = (text: string) => new TextEncoder().encode(text).length;

/** Throws a {@link Refusal} if a frame does not conform to the protocol. */
export function validate(frame: Frame): void {
  const declared = ACTIONS[frame.action];
  if (declared === undefined) throw new Refusal('unknown_action');
  const fields = declared.split(' ');
  const known = ['action', 'id', ...fields.map(field => field.replace('?', ''))];
  const unknown = Object.keys(frame).find(name => !known.includes(name));
  if (unknown) throw new Refusal('bad_request', `unknown field \`${unknown}\``);
  for (const field of fields.filter(Boolean)) {
    const name = field.replace('?', '');
    const value = frame[name];
    if (value === undefined && field.endsWith('?')) continue;
    const isRight = NUMBERS.includes(name)
      ? Number.isSafeInteger(Number(value)) && value !== null
      : isText(value);
    if (name !== 'data' && !isRight) throw new Refusal('bad_request', `${name} is of a wrong type`);
  }
  if (frame.channel && !/^\w+(:[\w-]{1,64})?$/.test(frame.channel)) throw new Refusal('invalid_channel');
  if (frame.action === 'send')
    validateDraft(String(frame['event']), frame['data'] as Record<string, unknown>);
}

/** The fields of the drafts of chat. A question mark means optional. */
const DRAFTS: Record<string, string> = {
  'chat.message': 'content? type? metadata? replyTo? mentions? attachments?',
  'chat.edit': 'target content metadata?',
  'chat.delete': 'target',
  'chat.reaction': 'target emoji on',
};

function validateDraft(event: string, data: Record<string, unknown>): void {
  const fields = DRAFTS[event]?.split(' ');
  if (!fields) return;
  const unknown = Object.keys(data).find(name => !fields.includes(name) && !fields.includes(`${name}?`));
  const missing = fields.find(name => !name.endsWith('?') && data[name] === undefined);
  const wrong = unknown ?? missing;
  if (wrong) throw new Refusal('bad_request', `data.${wrong} is unknown or missing`);
  if (event !== 'chat.delete' && event !== 'chat.reaction') validateContent(data);
}

function validateContent({ content = '', metadata, attachments }: Record<string, unknown>): void {
  if (!isText(content) || (content === '' && !attachments))
    throw new Refusal('bad_request', 'data.content is of a wrong type');
  if (bytes(content) > CONTENT_BYTES_MAX) throw new Refusal('too_large');
  if (metadata !== undefined && bytes(JSON.stringify(metadata)) > METADATA_BYTES_MAX)
    throw new Refusal('too_large');
}

/** Strings in Rust cannot contain half of a surrogate pair. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && !/\p{Surrogate}/u.test(value);
}

/** The action that a request by HTTP is. */
export function actionOf(method: string | undefined, path: string): string {
  if (method === 'POST') return path.endsWith('/receipts') ? 'ack' : 'send';
  return path.endsWith('/search') ? 'search' : 'history';
}
