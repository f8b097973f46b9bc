import { type KeyboardEvent, type ReactNode, useEffect, useId, useRef, useState } from 'react';
import { Icon, type IconName } from '../icon.js';

export interface MenuProps {
  label: string;
  icon: IconName;
  children: ReactNode;
}

/**
 * A button with a menu, as https://www.w3.org/WAI/ARIA/apg/patterns/menu-button/ describes it: the arrow keys, Home and End
 * move in it, Escape and Tab leave it, and the button gets the focus back.
 */
export function Menu({ label, icon, children }: MenuProps) {
  /** The item that gets the focus when the menu opens; absent while it is closed. */
  const [first, open] = useState<0 | -1>();
  const opener = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  const id = useId();
  const isOpen = first !== undefined;
  useEffect(() => {
    if (first !== undefined) itemsOf(menu.current).at(first)?.focus();
  }, [first]);
  const close = () => {
    open(undefined);
    opener.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Tab') return close(); // and the browser moves on from the button
    if (event.key === 'Escape') close();
    else if (!move(itemsOf(menu.current), event.key)) return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the menu closes when the focus leaves it
    <div
      className="menu"
      onBlur={({ currentTarget, relatedTarget }) => currentTarget.contains(relatedTarget) || open(undefined)}
    >
      <button
        type="button"
        className="icon-button"
        ref={opener}
        aria-label={label}
        title={label}
        aria-haspopup="menu"
        aria-expanded={isOpen}
        aria-controls={isOpen ? id : undefined}
        onClick={() => (isOpen ? close() : open(0))}
        onKeyDown={event => {
          if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
          event.preventDefault();
          open(event.key === 'ArrowDown' ? 0 : -1);
        }}
      >
        <Icon name={icon} />
      </button>
      {isOpen && (
        <div
          role="menu"
          id={id}
          ref={menu}
          aria-label={label}
          tabIndex={-1}
          onKeyDown={onKeyDown}
          onClick={({ target }) => (target as Element).closest('[role=menuitem]') && close()}
        >
          {children}
        </div>
      )}
    </div>
  );
}

/** What can be done by a menu, which it closes. */
export function MenuItem({ onChoose, children }: { onChoose: () => void; children: ReactNode }) {
  return (
    <button type="button" role="menuitem" tabIndex={-1} onClick={onChoose}>
      {children}
    </button>
  );
}

export interface MenuChoiceProps {
  label: string;
  options: readonly string[];
  chosen: string;
  onChoose: (option: string) => void;
}

/** One of several options, which the menu stays open for. */
export function MenuChoice({ label, options, chosen, onChoose }: MenuChoiceProps) {
  const id = useId();
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is no group of a menu
    <div role="group" aria-labelledby={id}>
      <p id={id}>{label}</p>
      {options.map(option => (
        <button
          key={option}
          type="button"
          role="menuitemradio"
          aria-checked={option === chosen}
          tabIndex={-1}
          onClick={() => onChoose(option)}
        >
          {option}
        </button>
      ))}
    </div>
  );
}

function itemsOf(menu: HTMLElement | null): HTMLElement[] {
  return [...(menu?.querySelectorAll<HTMLElement>('[role^=menuitem]') ?? [])];
}

/** Moves the focus by a key. Returns whether it is one that moves it. */
function move(items: HTMLElement[], key: string): boolean {
  const at = items.indexOf(document.activeElement as HTMLElement);
  const places: Record<string, number> = {
    ArrowDown: (at + 1) % items.length,
    ArrowUp: at - 1,
    Home: 0,
    End: -1,
  };
  const place = places[key];
  if (place === undefined) return false;
  items.at(place)?.focus();
  return true;
}
