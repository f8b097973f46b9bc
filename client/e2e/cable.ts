import type { BrowserContext } from '@playwright/test';

/**
 * The network of one browser, from outside of the page. What is sent over a cut cable is lost, both ways, and neither end is
 * told that the other is gone; what the page learns is what a browser tells it.
 */
export class Cable {
  readonly #context: BrowserContext;
  #isCut = false;
  #takesWebSockets = true;

  private constructor(context: BrowserContext) {
    this.#context = context;
  }

  /** The cable of a browser that has not opened its page yet. */
  static async to(context: BrowserContext): Promise<Cable> {
    const cable = new Cable(context);
    await context.routeWebSocket(/./, socket => {
      if (!cable.#takesWebSockets) return void socket.close();
      const server = socket.connectToServer();
      socket.onMessage(frame => cable.#isCut || server.send(frame));
      server.onMessage(frame => cable.#isCut || socket.send(frame));
      socket.onClose(() => cable.#isCut || void server.close());
      server.onClose(() => cable.#isCut || void socket.close());
    });
    return cable;
  }

  /** Nothing goes through from now on. */
  async cut(): Promise<void> {
    this.#isCut = true;
    await this.#context.setOffline(true);
  }

  /** Everything does again. */
  async mend(): Promise<void> {
    this.#isCut = false;
    await this.#context.setOffline(false);
  }

  /** WebSockets are refused from now on, as by some proxies, or no longer. */
  set takesWebSockets(takes: boolean) {
    this.#takesWebSockets = takes;
  }
}
