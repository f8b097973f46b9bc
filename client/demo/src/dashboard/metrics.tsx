import { useWebSocket } from 'funnelcast/react';
import { useEffect, useState } from 'react';
import { CodeButton } from '../code/code-button.js';
import { Icon } from '../icon.js';
import { Sparkline } from './sparkline.js';

/** The metrics that this app shows, and their formats. */
const METRICS = [
  { metric: 'visitors', title: 'Visitors', format: new Intl.NumberFormat('en') },
  {
    metric: 'conversion_rate',
    title: 'Conversion',
    format: new Intl.NumberFormat('en', { style: 'percent', minimumFractionDigits: 1 }),
  },
  {
    metric: 'revenue',
    title: 'Revenue',
    format: new Intl.NumberFormat('en', { style: 'currency', currency: 'USD', maximumFractionDigits: 0 }),
  },
];
const REMEMBERED_MAX = 24;

interface Metric {
  value: number;
  previous?: number;
  /** The last values, for the curve. */
  values: number[];
}

/** Shows the metrics. After a reload the last value of each is shown again. */
export function Metrics({ companyId }: { companyId: string }) {
  const { subscribeToAnalytics } = useWebSocket();
  const [metrics, setMetrics] = useState<Record<string, Metric>>({});
  useEffect(
    () =>
      subscribeToAnalytics(companyId, ({ metric, value, previous }) =>
        setMetrics(known => {
          const values = [...(known[metric]?.values ?? []), value].slice(-REMEMBERED_MAX);
          return { ...known, [metric]: { value, values, ...(previous !== undefined && { previous }) } };
        }),
      ),
    [companyId, subscribeToAnalytics],
  );
  return (
    <section aria-labelledby="numbers" className="metrics">
      <header className="section-head">
        <h3 id="numbers">Numbers</h3>
        <CodeButton of="the numbers" file="dashboard/metrics.tsx" />
      </header>
      <div className="metric-cards">
        {METRICS.map(({ metric, title, format }) => {
          const known = metrics[metric];
          return (
            <article key={metric} className="metric" data-metric={metric}>
              <h4>{title}</h4>
              <p className="value">{known ? format.format(known.value) : '–'}</p>
              {known?.previous ? (
                <Change from={known.previous} to={known.value} />
              ) : (
                <p className="change">24 hours</p>
              )}
              <Sparkline values={known?.values ?? []} />
            </article>
          );
        })}
      </div>
    </section>
  );
}

function Change({ from, to }: { from: number; to: number }) {
  const percent = Math.round(((to - from) / from) * 100);
  if (percent === 0) return <p className="change">as before</p>;
  const direction = percent < 0 ? 'down' : 'up';
  return (
    <p className="change" data-is={direction}>
      <Icon name={direction} />
      <span className="for-readers">{direction}</span>
      {Math.abs(percent)}%
    </p>
  );
}
