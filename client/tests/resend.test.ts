import { describe, expect, test } from 'vitest';
import type { Client } from '../src/client.js';
import { newKey } from '../src/sending/own-messages.js';
import { Refusal } from './fake/refusal.js';
import { CHANNEL, contents, joinedScene, pass, say, scene } from './fake/setup.js';

describe('a message that the app sends again', () => {
  test('is not duplicated if it had been abandoned, had arrived and has been received since', async () => {
    const it = await joinedScene();
    const key = newKey();
    it.server.losesReply = ({ action }) => action === 'send';
    const given = Promise.allSettled([say(it, 'hello', { key })]);
    await pass(100);
    it.client.close();
    await given;
    it.server.losesReply = () => false;
    it.client.connect();
    await pass(100);
    it.server.say(CHANNEL, 'another');
    await pass(100);
    const again = say(it, 'hello', { key });
    await pass(100);
    await expect(again).resolves.toMatchObject({ seq: 1, duplicate: true });
    expect(contents(it)).toEqual(['hello', 'another']);
    expect(it.heard).toEqual(['hello', 'another']);
  });

  test('is not duplicated after a reload, with a key of its own', async () => {
    const before = await joinedScene();
    const sent = say(before, 'hello', { key: 'draft-1' });
    await pass(100);
    await sent;
    const { client } = scene({ environment: before.server.environment });
    client.subscribe(CHANNEL, () => {});
    client.connect();
    await pass(100);
    const again = client.send(CHANNEL, 'chat.message', { content: 'hello' }, { key: 'draft-1' });
    await pass(100);
    await expect(again).resolves.toMatchObject({ seq: 1, duplicate: true });
    expect(contents(before)).toEqual(['hello']);
  });

  test('is not duplicated however late, by whatever client of the page', async () => {
    const it = await joinedScene();
    const key = newKey();
    const said = async (client: Client, key: string, isRetry = false) => {
      const sent = client.send(CHANNEL, 'chat.message', { content: 'hello' }, { key, isRetry });
      await pass(100);
      return sent;
    };
    await said(it.client, key);
    await said(it.client, 'draft-1');
    for (let i = 0; i < 10; i++) {
      // more than the client remembers
      const sent = Array.from({ length: 100 }, () => say(it, 'another'));
      await pass(60_000);
      await Promise.all(sent);
    }
    expect(await said(it.client, key)).toMatchObject({ seq: 1, duplicate: true });
    expect(await said(it.client, 'draft-1', true)).toMatchObject({ seq: 2, duplicate: true });

    const { client } = scene({ environment: it.server.environment });
    client.subscribe(CHANNEL, () => {});
    client.connect();
    await pass(100);
    expect(await said(client, key)).toMatchObject({ seq: 1, duplicate: true });
    expect(await said(client, 'draft-1')).toMatchObject({ seq: 1_003, duplicate: false });
  });

  test('is refused if the server cannot tell whether it has arrived', async () => {
    const it = await joinedScene();
    await expect(Promise.all([say(it, 'hello', { key: 'draft-1' }), pass(100)])).resolves.toBeTruthy();
    it.server.intercept = ({ action, base }) => {
      if (action === 'send' && (base as number) < 1) throw new Refusal('conflict'); // too far behind
      return undefined;
    };
    const { client } = scene({ environment: it.server.environment });
    client.subscribe(CHANNEL, () => {});
    client.connect();
    await pass(100);
    const options = { key: 'draft-1', isRetry: true };
    const again = client.send(CHANNEL, 'chat.message', { content: 'hello' }, options);
    await Promise.all([expect(again).rejects.toMatchObject({ code: 'conflict' }), pass(10_000)]);
    expect(contents(it)).toEqual(['hello']);
  });
});
