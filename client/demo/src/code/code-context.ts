import { createContext } from 'react';

/** A file that is shown, and the part of the page that it makes. */
export interface ShownCode {
  /** The path of the file in `client/demo/src`. */
  file: string;
  /** Whose pane it is beside. */
  side: string;
  /** The button that has opened it, which gets the focus back. */
  opener: HTMLElement;
}

/** Where the buttons of a pane show their code. */
export const CodeContext = createContext<{
  shown: ShownCode | undefined;
  show: (code: ShownCode | undefined) => void;
  side: string;
}>({ shown: undefined, show: () => {}, side: '' });
