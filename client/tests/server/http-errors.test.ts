/** What the publisher by HTTP says when something could not be published, and how that is sent again. */

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { chatMessage, createTokenIssuer, PublishError, RealTimeUpdates } from '../../src/server/index.js';
import { PublishServer } from './publish-server.js';

const issuer = createTokenIssuer({ key: 'a secret of at least thirty-two bytes' });
let server: PublishServer;
let updates: RealTimeUpdates;

beforeEach(async () => {
  server = await PublishServer.start();
  updates = new RealTimeUpdates({ http: server.url, issuer, random: () => 0 });
});

afterEach(() => server.stop());

const contents = (count: number) => Array.from({ length: count }, (_, i) => `message ${i}`);
const message = (content: string, conversation = 'conv-1') => chatMessage(conversation, { content });
const internal = { code: 'internal', message: 'try again' };

describe('an error', () => {
  const failureOf = async (call: Promise<unknown>): Promise<PublishError> => {
    const error: unknown = await call.catch(thrown => thrown);
    if (error instanceof PublishError) return error;
    throw new Error(`not a PublishError: ${error}`);
  };

  test('names the event, the field, and what was published', async () => {
    const refusal = { code: 'too_large', message: 'content is too large', field: 'detail.content' };
    server.refuse = ({ detail }) => (detail['content'] === 'message 1' ? refusal : undefined);
    const error = await failureOf(updates.send(...contents(3).map(content => message(content))));
    expect(error).toMatchObject({ code: 'too_large', field: 'detail.content', name: 'PublishError' });
    expect(error.message).toBe(
      '1 of 3 events were not published, the first (ChatMessage for conversation:conv-1) with too_large: content is too large',
    );
    expect(error.failed).toMatchObject([{ event: { detail: { content: 'message 1' } }, ...refusal }]);
    expect(error.published).toMatchObject([
      { event: { detail: { content: 'message 0' } }, result: { seq: 1 } },
      { event: { detail: { content: 'message 2' } }, result: { seq: 2 } },
    ]);
    expect(server.requests).toHaveLength(1);
  });

  test.each([
    [401, 'unauthorized'],
    [403, 'forbidden'],
    [413, 'too_large'],
    [404, 'not_found'],
    [301, 'bad_request'],
  ])('with status %i is not retried, and nothing else is sent', async (status, code) => {
    server.fault = () => ({ status });
    const error = await failureOf(updates.send(...contents(101).map(content => message(content))));
    expect(error.code).toBe(code);
    expect([error.failed.length, error.published.length, server.requests.length]).toEqual([101, 0, 1]);
  });

  const foreign = {
    text: '<h1>Try again</h1>',
    json: { error: 'try again' },
    object: { error: { reason: 'no' } },
    coded: { error: { code: 'FUNCTION_INVOCATION_TIMEOUT', message: 'no' } },
  };
  test.each(
    [408, 425, 429, 500, 502, 503, 504, 529].flatMap(status =>
      Object.entries(foreign).map(([name, body]) => [status, name, body] as const),
    ),
  )("with status %i and %s that is not the stack's own is retried", async (status, _, body) => {
    server.fault = request => (request < 2 ? { status, body } : undefined);
    await updates.sendBotMessage('conv-1', 'Hi!');
    expect(server.requests).toHaveLength(3);
  });

  test.each([
    [408, 'internal'],
    [425, 'internal'],
    [429, 'rate_limited'],
    [503, 'internal'],
  ])('with status %i, again and again, tells what earlier requests have published', async (status, code) => {
    server.fault = request => (request > 0 ? { status, body: foreign.json } : undefined);
    const error = await failureOf(updates.send(...contents(230).map(content => message(content))));
    expect(error).toMatchObject({ code, message: expect.stringContaining(`HTTP status ${status}`) });
    expect(error.published.map(({ result }) => result?.seq)).toEqual(contents(100).map((_, i) => i + 1));
    expect([error.failed.length, server.requests.length]).toEqual([130, 6]);
  });

  test('of something that is no stack', async () => {
    server.fault = () => ({ status: 200, body: { hello: 'world' } });
    await expect(updates.sendBotMessage('conv-1', 'Hi!')).rejects.toThrow('is not the HTTP API of a stack');
  });

  test('after five attempts; its events can be sent again, once and in order', async () => {
    let failures = 0;
    server.refuse = ({ detail }) =>
      detail['content'] === 'message 1' && failures++ < 5 ? internal : undefined;
    const calls = [...contents(3).map(content => message(content)), message('other', 'conv-2')];
    const error = await failureOf(updates.send(...calls));
    expect(failures).toBe(5);
    expect(error.failed.map(({ event, code }) => [event.detail, code])).toMatchObject([
      [{ content: 'message 1' }, 'internal'],
      [{ content: 'message 2' }, 'internal'],
    ]);
    expect(server.log('conv-2')).toEqual(['other']);
    await updates.send(...error.failed.map(({ event }) => event));
    expect(server.log('conv-1')).toEqual(contents(3));
  });

  test('without an answer leaves open what was published; sending again does not repeat it', async () => {
    server.fault = request => (request < 5 ? 'cut after' : undefined);
    const error = await failureOf(updates.sendBotMessage('conv-1', 'Hi!'));
    expect(error.code).toBe('disconnected');
    await expect(updates.send(...error.failed.map(({ event }) => event))).resolves.toMatchObject([
      { seq: 1, duplicate: true },
    ]);
  });

  test('of a stack that is not there', async () => {
    await server.stop();
    const error = await failureOf(updates.sendBotMessage('conv-1', 'Hi!'));
    expect(error).toMatchObject({ code: 'disconnected', message: expect.stringContaining('ECONNREFUSED') });
  });

  test('of a missing key', async () => {
    const keyless = new RealTimeUpdates({ http: server.url });
    await expect(keyless.sendBotMessage('conv-1', 'Hi!')).rejects.toThrow('set TOKEN_KEY');
    expect(server.requests).toEqual([]);
  });

  test('of an event that is too large, before anything is sent', async () => {
    const detail = { content: 'x'.repeat(1024 * 1024) };
    const call = updates.send(message('Hi!'), { type: 'ChatMessage', detail });
    await expect(call).rejects.toMatchObject({ code: 'too_large' });
    expect(server.requests).toEqual([]);
  });
});
