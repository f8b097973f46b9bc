//! The limits of payloads that several events share.

limits! {
    /// The longest title: the title of a notification, or the display name of a funnel or resource; in bytes.
    pub const TITLE_BYTES_MAX: usize = 256;
    /// The longest text of an update or notification, and the longest reason of a kick, in bytes.
    pub const MESSAGE_BYTES_MAX: usize = 4 * 1024;
    /// The longest label that an app chooses, in bytes: a metric, a period, the type of a resource, the name of a signal or of an
    /// event of the app's own.
    pub const LABEL_BYTES_MAX: usize = 64;
    /// The longest id of a message or notification, in bytes.
    pub const MESSAGE_ID_BYTES_MAX: usize = 128;
    /// The longest URL of a notification, in bytes.
    pub const URL_BYTES_MAX: usize = 2 * 1024;
}
