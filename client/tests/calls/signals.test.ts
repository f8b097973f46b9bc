/** What other devices say in a call, of which nothing is believed that is not checked. */

import { expect, test } from 'vitest';
import { type CallSignal, toSignal } from '../../src/calls/call-signal.js';
import { CHANNEL } from '../fake/setup.js';
import { inCall, pass, watchRejections } from './setting.js';

watchRejections();

test('what a participant says of their media changes nothing else', async () => {
  const it = await inCall();
  await pass(1_000);
  const { userId } = it.bob;
  const said = it.server.requests
    .filter(({ action, socket }) => action === 'send' && it.server.userOf(socket) === userId)
    .map(({ data }) => (data as { payload: CallSignal }).payload);
  const { callId, from, to, page, toPage } = said.at(-1) as CallSignal;
  const n = Math.max(...said.map(({ n = 0 }) => n)) + 1;
  const media = { name: 'Support', userId: 'admin_1', peerId: 'zz', stream: {}, isMuted: 1, video: 'dog' };
  const payload = { callId, from, to, page, toPage, n, media };
  void it.bob.client
    .send(CHANNEL, 'signal', { name: 'call', to: { userId: 'user_1' }, payload })
    .catch(() => {});
  await pass(100);
  const shown = it.ann.call.store.get().peers;
  expect(shown).toMatchObject([{ name: 'Bob', userId, peerId: from, isMuted: false, video: null }]);
  expect(shown[0]?.stream.getTracks()).toHaveLength(1);
});

test('of a signal, what is not as it should be is left out', () => {
  const ids = { callId: 'k', from: 'a', to: 'b', page: 'p' };
  for (const payload of [undefined, null, 1, 'text', [], {}, { ...ids, page: 1 }, { ...ids, to: null }])
    expect(toSignal(payload)).toBeUndefined();
  const odd = {
    n: -1,
    ack: '2',
    bye: 1,
    toPage: {},
    description: { type: 'rollback' },
    candidates: {},
    media: 1,
  };
  expect(toSignal({ ...ids, ...odd, name: 'x' })).toEqual({
    ...ids,
    bye: false,
    media: { isMuted: false, video: null },
  });
  const sound = {
    ...{ n: 2, ack: 1, bye: true, toPage: 'q', description: { type: 'offer', sdp: 's' } },
    candidates: [{ candidate: 'c', sdpMid: '0' }],
    media: { isMuted: true, video: 'screen' },
  };
  expect(toSignal({ ...ids, ...sound })).toEqual({ ...ids, ...sound });
});
