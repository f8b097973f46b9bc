/**
 * A proxy through which a browser reaches the stack. It forwards uploads slowly, can cut them off after some of their bytes have
 * arrived, and can swallow what goes over its tunnels, none of which a setting of a browser can.
 */

import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';

/** How many bytes of an upload are forwarded in a second. */
const BYTES_PER_SECOND = 2_000_000;

/** A slow line, by default not cut. */
export class SlowLine {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** Both ends of each tunnel. */
  readonly #tunnels = new Set<[Socket, Socket]>();
  #isCut = false;
  /** How many bytes of uploads have been forwarded. */
  forwardedBytes = 0;

  private constructor() {
    this.#server = createServer((incoming, response) => void this.#forward(incoming, response));
    this.#server.on('connection', socket => this.#keep(socket));
    // WebSockets come as tunnels.
    this.#server.on('connect', ({ url }, socket: Socket) => {
      const [host, port] = String(url).split(':');
      const server = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        socket.pipe(server).pipe(socket);
        this.#tunnels.add([socket, server]);
      });
      this.#keep(server);
      socket.on('close', () => server.destroy());
    });
  }

  static async start(): Promise<SlowLine> {
    const line = new SlowLine();
    await new Promise<void>(resolve => line.#server.listen(0, '127.0.0.1', resolve));
    return line;
  }

  /** The setting of a browser that uses it. */
  get proxy(): { server: string } {
    return { server: `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}` };
  }

  /** Swallows what goes over the WebSockets that are open, in both directions. They stay open, and nobody is told. */
  silence(): void {
    for (const [socket, server] of this.#tunnels) {
      socket.unpipe(server).resume();
      server.unpipe(socket).resume();
    }
    this.#tunnels.clear();
  }

  /** Cuts the line: whatever is on its way is lost. */
  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  stop(): void {
    this.cut();
    this.#server.close();
  }

  #keep(socket: Socket): void {
    if (this.#isCut) return void socket.destroy();
    if (this.#sockets.has(socket)) return; // it serves several requests
    this.#sockets.add(socket);
    socket.on('error', () => {}); // it has been cut
    socket.on('close', () => this.#sockets.delete(socket));
  }

  async #forward(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, headers, url } = incoming;
    const outgoing = request(String(url), { method, headers }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('socket', socket => this.#keep(socket));
    outgoing.on('error', () => response.destroy());
    try {
      for await (const chunk of incoming as AsyncIterable<Buffer>) {
        outgoing.write(chunk);
        if (method !== 'PUT') continue;
        this.forwardedBytes += chunk.length;
        await setTimeout((1_000 * chunk.length) / BYTES_PER_SECOND);
      }
      outgoing.end();
    } catch {
      outgoing.destroy(); // it has been cut
    }
  }
}
