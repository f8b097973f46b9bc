import type { ResourceUpdate, ResourceUpdateType } from 'funnelcast';
import { CodeButton } from '../code/code-button.js';
import { Icon } from '../icon.js';
import { useResources } from './use-resources.js';

const WORDS: Record<ResourceUpdateType, string> = {
  created: 'Created',
  updated: 'Updated',
  deleted: 'Deleted',
  sync_started: 'Syncing',
  sync_progress: 'Syncing',
  sync_completed: 'Synced',
  sync_failed: 'Sync failed',
};

/** Shows the resources that the company's funnels are made of. */
export function Resources({ companyId }: { companyId: string }) {
  const resources = useResources(companyId);
  return (
    <section aria-labelledby="resources" className="resources">
      <header className="section-head">
        <h3 id="resources">Resources</h3>
        <CodeButton of="the resources" file="dashboard/use-resources.ts" />
      </header>
      {resources.length === 0 && <p className="empty">Products and pages show up here as they change.</p>}
      <ul className="rows">
        {resources.map(resource => (
          <Resource key={resource.resourceId} resource={resource} />
        ))}
      </ul>
    </section>
  );
}

function Resource({ resource }: { resource: ResourceUpdate }) {
  const { type, resourceName, resourceType, progress, message } = resource;
  const isSyncing = type === 'sync_started' || type === 'sync_progress';
  return (
    <li data-type={type}>
      <Icon name="box" />
      <div>
        <p>
          {resourceName} <small>{resourceType}</small>
        </p>
        {isSyncing ? (
          <progress max={100} value={progress ?? 0} aria-label={`Sync of ${resourceName}`} />
        ) : (
          message && <small>{message}</small>
        )}
      </div>
      <span className="badge" data-tone={toneOf(type)}>
        {WORDS[type]}
        {isSyncing && ` ${progress ?? 0}%`}
      </span>
    </li>
  );
}

function toneOf(type: ResourceUpdateType): string {
  if (type === 'sync_failed') return 'bad';
  if (type === 'deleted') return 'quiet';
  return type.startsWith('sync_') && type !== 'sync_completed' ? 'busy' : 'good';
}
