import { type KeyboardEvent, type RefObject, useRef, useState } from 'react';

/** A search box that can be opened and closed, and where the focus goes. */
export interface Find {
  isOpen: boolean;
  open: () => void;
  /** Closes it, and gives the focus back to the button that opens it. */
  close: () => void;
  opener: RefObject<HTMLButtonElement | null>;
  input: RefObject<HTMLInputElement | null>;
  /** Opens it by the keys with which a browser searches a page. */
  onKeyDown: (event: KeyboardEvent) => void;
}

/** Opens and closes a search box. */
export function useFind(): Find {
  const [isOpen, setOpen] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const input = useRef<HTMLInputElement>(null);
  const open = () => {
    setOpen(true);
    input.current?.select(); // it is open already
  };
  const close = () => {
    setOpen(false);
    opener.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const { key, ctrlKey, metaKey, shiftKey, altKey } = event;
    const isFind = key === 'f' && (ctrlKey || metaKey) && !shiftKey && !altKey;
    // Pressed once more in the box itself, the keys are the browser's.
    if (!isFind || event.target === input.current) return;
    event.preventDefault();
    open();
  };
  return { isOpen, open, close, opener, input, onKeyDown };
}
