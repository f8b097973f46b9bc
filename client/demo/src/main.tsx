/** The page: opens the conversations, as a backend would, tells the story, and shows the two people. */

import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app.js';
import { openConversations } from './backend.js';
import { resumeGenerations } from './generation.js';
import { meet } from './people.js';
import { roomOf } from './room.js';
import { tellStory } from './story.js';

const root = createRoot(document.getElementById('root') as HTMLElement);
try {
  const room = roomOf(new URL(location.href));
  await openConversations(room);
  resumeGenerations(room);
  const people = room.shown.map(meet);
  root.render(
    <StrictMode>
      <App room={room} people={people} />
    </StrictMode>,
  );
  if (room.hasStory) void tellStory(room);
} catch (error) {
  root.render(
    <main className="nothing-here">
      <h1>There is no stack here</h1>
      <p>
        This page is served by a local stack: run <code>make dev</code>, and open the URL that it prints.
      </p>
      <pre>{String(error)}</pre>
    </main>,
  );
}
