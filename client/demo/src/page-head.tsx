import { ThemeSwitch } from './theme-switch.js';

/** Says what this is, and where to read on. */
export function PageHead() {
  return (
    <header className="page-head">
      <img src="/icon.svg" alt="" width="28" height="28" />
      <h1>funnelcast</h1>
      <p>Realtime for funnel apps: chat, presence and progress over WebSockets, with no server to run.</p>
      <nav aria-label="Documentation">
        <a href="/docs/">Docs</a>
        <a href="/docs/client.html">React hooks</a>
        <a href="/docs/events.html">Publish</a>
      </nav>
      <ThemeSwitch />
    </header>
  );
}
