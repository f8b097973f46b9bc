import { type ClipboardEvent, type DragEvent, useState } from 'react';

/** The handlers of an element into which files are dropped or pasted. */
export interface Drop {
  isOver: boolean;
  handlers: {
    onDragOver: (event: DragEvent) => void;
    onDragLeave: (event: DragEvent) => void;
    onDrop: (event: DragEvent) => void;
    onPaste: (event: ClipboardEvent) => void;
  };
}

/** Takes files that are dropped or pasted. Text that is, is left to the browser. */
export function useDrop(onFiles: (files: File[]) => void): Drop {
  const [isOver, setOver] = useState(false);
  const take = (event: DragEvent | ClipboardEvent, { files }: DataTransfer) => {
    if (files.length === 0) return;
    event.preventDefault();
    onFiles([...files]);
  };
  return {
    isOver,
    handlers: {
      onDragOver(event) {
        if (!event.dataTransfer.types.includes('Files')) return;
        event.preventDefault();
        setOver(true);
      },
      onDragLeave({ currentTarget, relatedTarget }) {
        if (!currentTarget.contains(relatedTarget as Node | null)) setOver(false);
      },
      onDrop(event) {
        setOver(false);
        take(event, event.dataTransfer);
      },
      onPaste: event => take(event, event.clipboardData),
    },
  };
}
