/** The sources that the page shows: those of its own build, so that they are what runs. */
const SOURCES = import.meta.glob<string>(
  [
    '../backstage/samples.ts',
    '../calls/call-panel.tsx',
    '../chat/chat.tsx',
    '../dashboard/funnels.tsx',
    '../dashboard/metrics.tsx',
    '../dashboard/use-resources.ts',
    '../inbox/inbox.tsx',
    '../people.ts',
    '../search/use-search.ts',
  ],
  { query: '?raw', import: 'default', eager: true },
);

/** The source of a file of `client/demo/src`. */
export function sourceOf(file: string): string {
  const source = SOURCES[`../${file}`];
  if (source === undefined) throw new Error(`${file} is missing in code/sources.ts`);
  return source;
}
