import type { Metadata } from 'next';
import { type ReactNode, Suspense } from 'react';
import './globals.css';

export const metadata: Metadata = { title: 'Chat' };

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <body>
        <Suspense fallback={<p>Loading…</p>}>{children}</Suspense>
      </body>
    </html>
  );
}
