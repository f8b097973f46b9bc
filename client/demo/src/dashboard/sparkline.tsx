/** The last values as a curve. The figures beside it have the same meaning. */
export function Sparkline({ values }: { values: number[] }) {
  if (values.length < 2) return <svg className="sparkline" aria-hidden="true" />;
  const low = Math.min(...values);
  const range = Math.max(...values) - low || 1;
  const points = values.map((value, at) => {
    const x = (at / (values.length - 1)) * 100;
    const y = 27 - ((value - low) / range) * 24;
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <svg className="sparkline" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
      <polyline points={points.join(' ')} />
    </svg>
  );
}
