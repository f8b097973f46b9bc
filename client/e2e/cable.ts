import type { BrowserContext } from '@playwright/test';

/**
 * The network of one browser, controlled from outside of the page. Frames over a cut cable are lost in both directions, and
 * neither end is told. The page learns only what a browser tells it.
 */
export class Cable {
  readonly #context: BrowserContext;
  #isCut = false;
  #takesWebSockets = true;

  private constructor(context: BrowserContext) {
    this.#context = context;
  }

  /** Makes the cable of a browser, before it opens its page. */
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

  /** Cuts the cable. */
  async cut(): Promise<void> {
    this.#isCut = true;
    await this.#context.setOffline(true);
  }

  /** Mends the cable. */
  async mend(): Promise<void> {
    this.#isCut = false;
    await this.#context.setOffline(false);
  }

  /** Whether WebSockets work. Some proxies refuse them. */
  set takesWebSockets(takes: boolean) {
    this.#takesWebSockets = takes;
  }
}
