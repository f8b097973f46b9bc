//! How large files may be, and what belongs to them.

limits! {
    /// The most files of one message.
    pub const ATTACHMENTS_MAX: usize = 10;
    /// The longest name of a file, in bytes of UTF-8.
    pub const FILE_NAME_BYTES_MAX: usize = 255;
    /// The largest file, in bytes, whatever the stack's limits are: the names of its 320 parts fit into one request.
    pub const FILE_BYTES_MAX: u64 = 5_u64 * 1024 * 1024 * 1024;
    /// The largest file that is uploaded in one request, in bytes. A larger one is uploaded in parts.
    pub const SINGLE_UPLOAD_BYTES_MAX: u64 = 100_u64 * 1024 * 1024;
    /// The bytes of a part; the last part of a file has what is left.
    pub const PART_BYTES: u64 = 16_u64 * 1024 * 1024;
    /// The most parts whose URLs one request asks for.
    pub const PARTS_AT_ONCE_MAX: usize = 50;
    /// The most values of the waveform of a voice message.
    pub const WAVEFORM_VALUES_MAX: usize = 64;
    /// The longest recording, in milliseconds: one day.
    pub const DURATION_MS_MAX: u32 = 24 * 60 * 60 * 1000;
}
