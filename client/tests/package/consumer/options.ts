/**
 * Whatever is optional may also be `undefined`, because that is what an app passes on for an option of its own.
 * This is only compiled. A type below that is not `never` names the options that do not accept it.
 */

import type {
  CallOptions,
  Client,
  ClientOptions,
  DrainOptions,
  HistoryQuery,
  HttpOptions,
  SendOptions,
  SubscribeOptions,
} from 'funnelcast';
import type {
  CallMediaOptions,
  CreateCallOptions,
  DeviceConstraints,
  WatchCallsOptions,
} from 'funnelcast/calls';
import type { FileLinkOptions, RecordVoiceOptions, SendFilesOptions, UploadOptions } from 'funnelcast/files';
import type {
  UseAppEventsOptions,
  UseCallOptions,
  UseConversationOptions,
  UseFilesOptions,
  UseFileUrlOptions,
  UseWebSocketOptions,
} from 'funnelcast/react';
import type {
  BackendMessage,
  ConversationOptions,
  GrantOptions,
  IssuerOptions,
  Metric,
  Notice,
  OutboxOptions,
  ProgressNote,
  RealTimeUpdates,
  RealTimeUpdatesOptions,
  Resource,
  TokenIssuer,
  TokenUser,
} from 'funnelcast/server';

/** The optional properties of `T` that do not accept `undefined`. */
type Refusing<T> = {
  [Name in keyof T]-?: object extends Pick<T, Name>
    ? { [_ in Name]: undefined } extends Pick<T, Name>
      ? never
      : Name
    : never;
}[keyof T];

type Browser =
  | Refusing<CallMediaOptions>
  | Refusing<CallOptions>
  | Refusing<ClientOptions>
  | Refusing<CreateCallOptions>
  | Refusing<DeviceConstraints>
  | Refusing<DrainOptions>
  | Refusing<FileLinkOptions>
  | Refusing<HistoryQuery>
  | Refusing<HttpOptions>
  | Refusing<RecordVoiceOptions>
  | Refusing<SendFilesOptions>
  | Refusing<SendOptions>
  | Refusing<SubscribeOptions>
  | Refusing<Parameters<typeof Client.prototype.send<'room:lobby', 'app.event'>>[2]>
  | Refusing<UploadOptions>
  | Refusing<UseAppEventsOptions>
  | Refusing<UseCallOptions>
  | Refusing<UseConversationOptions>
  | Refusing<UseFilesOptions>
  | Refusing<UseFileUrlOptions>
  | Refusing<UseWebSocketOptions>
  | Refusing<WatchCallsOptions>;

type Backend =
  | Refusing<BackendMessage>
  | Refusing<ConversationOptions>
  | Refusing<GrantOptions>
  | Refusing<IssuerOptions>
  | Refusing<Metric>
  | Refusing<Notice>
  | Refusing<NonNullable<Parameters<RealTimeUpdates['sendBotMessage']>[2]>>
  | Refusing<OutboxOptions>
  | Refusing<ProgressNote>
  | Refusing<RealTimeUpdatesOptions>
  | Refusing<Resource>
  | Refusing<NonNullable<Parameters<TokenIssuer['token']>[1]>>
  | Refusing<TokenUser>;

type Nothing<T extends never> = T;
export type Checked = Nothing<Browser | Backend>;

// Checks that the check can fail:
// @ts-expect-error
export type Broken = Nothing<Refusing<{ optional?: string }>>;
