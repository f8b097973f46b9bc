/**
 * Files, pictures and voice messages in conversations: sends them, shows them, and records. Apps that do not import it pay nothing
 * for it. The hooks are in `funnelcast/react`.
 *
 * @module
 */

export { type FileLinkOptions, fileLink } from './file-link.js';
export { localFile } from './local-files.js';
export type { OutgoingFile, Recording } from './outgoing-file.js';
export { type RecordVoiceOptions, recordVoice, type VoiceRecorder } from './record-voice.js';
export {
  type FileProgress,
  type FilesProgress,
  type SendFilesOptions,
  sendFiles,
  type UploadOptions,
  uploadFiles,
} from './send-files.js';
export type { UploadState } from './sending.js';
export { UploadPause } from './upload-pause.js';
