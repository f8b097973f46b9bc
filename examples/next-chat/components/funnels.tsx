'use client';

import { useFunnelProgress } from 'funnelcast/react';
import { companyId } from '@/lib/people';

/** The company's funnels, each with its last update. */
export function Funnels() {
  const funnels = useFunnelProgress(companyId);
  return (
    <section aria-label="Funnels">
      <h2>Funnels</h2>
      <ul>
        {funnels.map(({ funnelId, funnelName, type, progress = 100, message }) => (
          <li key={funnelId} aria-label={funnelName}>
            <b>{funnelName}</b> <progress max={100} value={progress} />{' '}
            <output>{type === 'deployed' ? 'live' : (message ?? type.replace('generation_', ''))}</output>
          </li>
        ))}
      </ul>
      <button type="button" onClick={() => fetch('/api/funnels', { method: 'POST' })}>
        Generate a funnel
      </button>
    </section>
  );
}
