/** Pages without the demo, on which a test uses the package by itself. */

import { type BrowserContext, test } from '@playwright/test';
import { build } from 'esbuild';
import type { CallState, ConversationCall, CreateCallOptions } from '../src/calls/index.js';
import type { Client } from '../src/index.js';
import { keepConnections, mediaOf } from './media.js';
import type { Stack } from './stack.js';

/** What is on the page. */
interface Globals {
  funnelcast: typeof import('../src/index.js') & typeof import('../src/calls/index.js');
  client: Client;
  /** By their conversations. */
  calls: Record<string, ConversationCall>;
}

type BrowserPage = Awaited<ReturnType<BrowserContext['newPage']>>;

const COMPANY = 'biz_calls';

/** The package as one script that defines `funnelcast`. */
async function bundle(): Promise<string> {
  const contents = "export * from './index.js'; export * from './calls/index.js';";
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: `${import.meta.dirname}/../src` },
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'funnelcast',
    target: 'es2022',
  });
  return outputFiles[0]?.text ?? '';
}

/** A token of a user in the company of these pages. */
export const tokenOf = async ({ http }: Stack, user: string, role: string): Promise<string> => {
  const body = JSON.stringify({ user, name: user, companies: [{ id: COMPANY, role }] });
  const response = await fetch(`${http}/_local/token`, { method: 'POST', body });
  return (await response.json()).token;
};

/** Says who takes part in a conversation. */
export async function openConversation(stack: Stack, id: string, participants: string[]): Promise<void> {
  const headers = {
    authorization: `Bearer ${await tokenOf(stack, 'backend', 'backend')}`,
    'content-type': 'application/json',
  };
  const body = JSON.stringify({ companyId: COMPANY, participants });
  const response = await fetch(`${stack.http}/api/conversations/${id}`, { method: 'PUT', headers, body });
  if (!response.ok) throw new Error(await response.text());
}

/** A user on a page of their own, and the call of a conversation there. */
export class PlainPage {
  readonly #page: BrowserPage;
  readonly #conversation: string;

  private constructor(page: BrowserPage, conversation: string) {
    this.#page = page;
    this.#conversation = conversation;
  }

  /** Opens a page that follows the call of a conversation. */
  static async open(
    context: BrowserContext,
    stack: Stack,
    user: string,
    conversation: string,
    options: Pick<CreateCallOptions, 'rtc'> = {},
  ): Promise<PlainPage> {
    await keepConnections(context);
    const page = await context.newPage();
    await page.goto(`${stack.http}/api/nothing`); // a page of the stack's origin: Chromium lets no other one reach it
    await page.addScriptTag({ content: await bundle() });
    const token = await tokenOf(stack, user, 'customer');
    await page.evaluate(
      ({ token }) => {
        const { funnelcast } = window as unknown as Globals;
        const client = funnelcast.createClient({ http: funnelcast.httpApi('', { token }) });
        client.connect();
        Object.assign(window, { client, calls: {} });
      },
      { token },
    );
    return new PlainPage(page, conversation).beside(conversation, options);
  }

  /** Follows the call of another conversation, too. */
  async beside(conversation: string, options: Pick<CreateCallOptions, 'rtc'> = {}): Promise<PlainPage> {
    await this.#page.evaluate(
      ({ conversation, options }) => {
        const { funnelcast, client, calls } = window as unknown as Globals;
        calls[conversation] = funnelcast.createCall(client, `conversation:${conversation}`, options);
      },
      { conversation, options },
    );
    return new PlainPage(this.#page, conversation);
  }

  /** The state of the call. */
  state(): Promise<Pick<CallState, 'state' | 'direction' | 'reason'> & { peers: string[] }> {
    return this.#page.evaluate(conversation => {
      const call = (window as unknown as Globals).calls[conversation] as ConversationCall;
      const { state, direction, reason, peers } = call.store.get();
      return { state, direction, reason, peers: peers.map(peer => peer.state) };
    }, this.#conversation);
  }

  /** Starts, accepts or ends a call. */
  async act(what: 'start' | 'accept' | 'hangUp', video = false): Promise<void> {
    await test.step(what, () =>
      this.#page.evaluate(
        ([conversation, what, video]) => {
          const call = (window as unknown as Globals).calls[conversation] as ConversationCall;
          if (what === 'hangUp') call.hangUp();
          else call[what]({ video });
        },
        [this.#conversation, what, video] as const,
      ),
    );
  }

  /** Turns the camera on or off. */
  async setCamera(isOn: boolean): Promise<void> {
    await this.#page.evaluate(
      ([conversation, isOn]) => (window as unknown as Globals).calls[conversation]?.setCamera(isOn),
      [this.#conversation, isOn] as const,
    );
  }

  /** Closes the client, with the call. */
  async closeClient(): Promise<void> {
    await this.#page.evaluate(() => (window as unknown as Globals).client.close());
  }

  media() {
    return mediaOf(this.#page);
  }
}
