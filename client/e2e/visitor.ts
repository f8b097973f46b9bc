import { expect, type Locator, type Page } from '@playwright/test';
import type { Room, Who } from '../demo/src/room.js';
import type { Cable } from './cable.js';

/** The people whom a page shows. */
export type Only = 'merchant' | 'customer' | 'both';

/** A browser that shows the page, and the person who acts in it. */
export class Visitor {
  readonly page: Page;
  readonly cable: Cable;
  readonly me: Who;
  readonly other: Who;
  /** The part of the page that belongs to this person. */
  readonly app: Locator;
  /** The messages that are loaded. */
  readonly said: Locator;
  readonly typing: Locator;
  readonly presence: Locator;
  /** The buttons that disturb the connection. */
  readonly network: Locator;

  constructor(page: Page, cable: Cable, { merchant, customer }: Room, only: Only) {
    this.page = page;
    this.cable = cable;
    [this.me, this.other] = only === 'customer' ? [customer, merchant] : [merchant, customer];
    this.app = page.getByRole('region', { name: this.me.name, exact: true });
    this.said = this.messages.locator('.bubble > p');
    this.typing = this.app.getByText(`${this.other.name} is typing`);
    this.presence = this.app.getByLabel(`Presence of ${this.other.name}`);
    this.network = page.getByRole('article', { name: `Network of ${this.me.name}` });
  }

  get messages(): Locator {
    return this.app.getByRole('log', { name: `Messages with ${this.other.name}` });
  }

  get composer(): Locator {
    return this.app.getByRole('textbox', { name: `Message to ${this.other.name}` });
  }

  get connection(): Locator {
    return this.app.getByLabel(`Connection of ${this.me.name}`);
  }

  /** The conversations of the merchant. */
  get inbox(): Locator {
    return this.app.getByRole('navigation', { name: 'Conversations' });
  }

  /** The buttons that try to lose a message, and their report. */
  get tour(): Locator {
    return this.page.getByRole('region', { name: 'Try to lose a message' });
  }

  /** Waits until the connection is up. */
  async isLive(): Promise<void> {
    await expect(this.connection).toHaveText('Live');
  }

  /** Waits until the conversation has been joined and loaded. */
  async isIn(): Promise<void> {
    await this.isLive();
    await expect(this.app.getByText('Loading…')).toBeHidden();
  }

  /** Types a message, and sends it. */
  async say(text: string): Promise<void> {
    await this.composer.fill(text);
    await this.composer.press('Enter');
  }

  /** The message with this text, and those that quote it. */
  readonly row = (text: string): Locator => this.messages.locator('.message').filter({ hasText: text });

  /** Does something with the first message that contains a text: `Reply`, `Edit`, `Delete`, or a reaction by its name. */
  async act(text: string, name: string): Promise<void> {
    const row = this.row(text).first();
    await row.getByRole('button', { name: /^Actions for/ }).click();
    await row.getByRole('button', { name, exact: true }).click();
  }

  /** The status of an own message: `sending`, `sent`, `read` or `failed`. */
  fateOf(text: string): Locator {
    return this.messages.getByRole('listitem').filter({ hasText: text }).locator('.fate');
  }

  /** Presses a button of the backstage. */
  async backstage(name: string): Promise<void> {
    await this.page.getByRole('complementary').getByRole('button', { name, exact: true }).first().click();
  }
}
