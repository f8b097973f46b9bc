import { useContext } from 'react';
import { Icon } from '../icon.js';
import { CodeContext } from './code-context.js';

/** Shows the source of a pane beside it, and hides it again. */
export function CodeButton({ of, file }: { of: string; file: string }) {
  const { shown, show, side } = useContext(CodeContext);
  const isShown = shown?.file === file && shown.side === side;
  return (
    <button
      type="button"
      className="icon-button code-button"
      aria-label={`Code of ${of}`}
      title={`Show the code: ${file}`}
      aria-expanded={isShown}
      onClick={({ currentTarget }) => show(isShown ? undefined : { file, side, opener: currentTarget })}
    >
      <Icon name="code" />
    </button>
  );
}
