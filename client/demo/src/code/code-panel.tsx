import { useEffect, useRef } from 'react';
import { generate, type ParsedLine, parse } from 'sugar-high/core';
import * as typescript from 'sugar-high/lang/typescript';
import { Icon } from '../icon.js';
import type { ShownCode } from './code-context.js';
import { sourceOf } from './sources.js';

/** The source of a pane, as the build has it. The lines that use the package are marked, and the first of them is in view. */
export function CodePanel({ code, onClose }: { code: ShownCode; onClose: () => void }) {
  const { file, side, opener } = code;
  const source = sourceOf(file);
  const panel = useRef<HTMLElement>(null);
  const calls = namesOfPackage(source);
  const { lines } = parse(source.trimEnd(), typescript);
  useEffect(() => {
    if (!file) return;
    panel.current?.querySelector('h2')?.focus({ preventScroll: true });
    const [box, mark] = [panel.current?.querySelector('pre'), panel.current?.querySelector('mark')];
    if (box && mark) box.scrollTop = mark.offsetTop - box.offsetTop - box.clientHeight / 3;
  }, [file]);
  const close = () => {
    onClose();
    opener.focus();
  };
  return (
    <section
      className="code-panel"
      aria-labelledby="code-of"
      data-beside={side}
      ref={panel}
      onKeyDown={({ key }) => key === 'Escape' && close()}
    >
      <header>
        <h2 id="code-of" tabIndex={-1}>
          {file}
        </h2>
        <button type="button" className="icon-button" aria-label="Close the code" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable element must be reachable by keyboard */}
      <pre tabIndex={0}>
        <code>
          {lines.map(line => (
            <CodeLine key={line.index} line={line} isMarked={uses(line, calls)} />
          ))}
        </code>
      </pre>
    </section>
  );
}

function CodeLine({ line, isMarked }: { line: ParsedLine; isMarked: boolean }) {
  const [generated] = generate({ value: line.value, lines: [line] });
  let column = 0;
  const tokens = generated?.children.map(({ tokenType, children }) => {
    const value = children.map(({ value }) => value).join('');
    column += value.length;
    return (
      <span key={column} data-token={tokenType}>
        {value}
      </span>
    );
  });
  return isMarked ? <mark>{tokens}</mark> : <span className="line">{tokens}</span>;
}

/** The names that the source imports from the package, types left out. */
function namesOfPackage(source: string): Set<string> {
  const imports = source.matchAll(/^import \{([^}]*)\} from 'funnelcast[^']*'/gm);
  const names = [...imports].flatMap(([, list = '']) => list.split(',')).map(name => name.trim());
  return new Set(names.filter(name => name !== '' && !name.startsWith('type ')));
}

function uses({ value, tokens }: ParsedLine, names: Set<string>): boolean {
  return !value.startsWith('import ') && tokens.some(token => names.has(token.value));
}
