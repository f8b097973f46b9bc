import type { FunnelUpdateType } from 'funnelcast';
import { type FunnelProgress, useFunnelProgress } from 'funnelcast/react';
import { funnelUpdate } from 'funnelcast/server';
import { put } from '../backend.js';
import { CodeButton } from '../code/code-button.js';
import { generateFunnel } from '../generation.js';
import { Icon } from '../icon.js';
import type { Room } from '../room.js';
import { Time } from '../time.js';

/** The stage of a funnel after each type of update. */
const STAGES: Record<FunnelUpdateType, { name: string; tone: string }> = {
  generation_started: { name: 'Generating', tone: 'busy' },
  generation_progress: { name: 'Generating', tone: 'busy' },
  generation_completed: { name: 'Ready', tone: 'ready' },
  generation_failed: { name: 'Failed', tone: 'bad' },
  deployed: { name: 'Live', tone: 'good' },
  undeployed: { name: 'Taken down', tone: 'quiet' },
};

/** The company's funnels, from generation to deployment. */
export function Funnels({ room }: { room: Room }) {
  const funnels = useFunnelProgress(room.companyId);
  return (
    <section aria-labelledby="funnels" className="funnels">
      <header className="section-head">
        <h3 id="funnels">Funnels</h3>
        <button type="button" className="button primary" onClick={() => generateFunnel(room)}>
          <Icon name="plus" /> New funnel
        </button>
        <CodeButton of="the funnels" file="dashboard/funnels.tsx" />
      </header>
      {funnels.length === 0 && <p className="empty">No funnel yet. Make one, and watch it grow.</p>}
      <ul className="cards">
        {[...funnels].reverse().map(funnel => (
          <Funnel key={funnel.funnelId} funnel={funnel} room={room} />
        ))}
      </ul>
    </section>
  );
}

function Funnel({ funnel, room }: { funnel: FunnelProgress; room: Room }) {
  const { funnelId, funnelName, type, message, timestamp } = funnel;
  const { name, tone } = STAGES[type];
  const isBusy = tone === 'busy';
  return (
    <li className="card funnel" data-tone={tone} aria-label={funnelName}>
      <header>
        <h4>{funnelName}</h4>
        <span className="badge" data-tone={tone}>
          {name}
        </span>
      </header>
      {isBusy && <progress max={100} value={funnel.progress ?? 0} aria-label={`Progress of ${funnelName}`} />}
      <footer>
        <p>
          {isBusy && <b>{funnel.progress ?? 0}%</b>} {message ?? <Time of={timestamp} />}
        </p>
        <Next room={room} funnelId={funnelId} funnelName={funnelName} type={type} />
      </footer>
    </li>
  );
}

/** The next action for a funnel. The button calls the backend, whose update then changes the card. */
function Next({
  room: { merchant, companyId },
  funnelId,
  funnelName,
  type,
}: Pick<FunnelProgress, 'funnelId' | 'funnelName' | 'type'> & { room: Room }) {
  const say = (news: FunnelUpdateType, message: string) => () =>
    void put(funnelUpdate({ id: merchant.id, companyId }, funnelId, funnelName, news, { message }));
  if (type === 'deployed') {
    return (
      <button type="button" className="button" onClick={say('undeployed', 'Nobody can see it now')}>
        Take down
      </button>
    );
  }
  if (type === 'generation_completed' || type === 'undeployed') {
    return (
      <button type="button" className="button" onClick={say('deployed', 'Everybody can see it now')}>
        Deploy
      </button>
    );
  }
  return null;
}
