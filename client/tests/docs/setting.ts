/** The names that the examples use without declaring them. */

import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { ReactNode } from 'react';
import type { Attachment, Client } from '../../src/index.js';
import type { TokenIssuer } from '../../src/server/index.js';

declare global {
  /** A client that is connected. */
  var client: Client;
  /** Functions of the app that show something. */
  var show: (...what: unknown[]) => void;
  var list: (...what: unknown[]) => void;
  var showAccessDenied: () => void;
  var getToken: () => Promise<string>;
  var input: { oninput: (() => void) | null; onblur: (() => void) | null };
  /** Where the user has chosen a file. */
  var picker: HTMLInputElement;
  /** An attachment of a message. */
  var file: Attachment;
  var App: () => ReactNode;
  var Editor: (props: { onInput: () => void; onSubmit: (content: string) => Promise<void> }) => ReactNode;

  /** The names for a backend. */
  var user: { id: string; companyId: string };
  var funnelId: string;
  var funnelName: string;
  var funnel: { id: string; name: string; version: number };
  var subject: string;
  var issuer: TokenIssuer;
  /** The bytes of a document. */
  var pdf: Uint8Array<ArrayBuffer>;
  var documents: DynamoDBDocumentClient;
  var sessionOf: (request: Request) => Promise<{ userId: string; name: string } | undefined>;
}
