//! The limits of bodies that the HTTP API alone has.

limits! {
    /// The largest body of a webhook, in bytes. As text in JSON it stays below the limits of an SQS message and of an event on the
    /// bus (<https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html>).
    pub const WEBHOOK_BYTES_MAX: usize = 128 * 1024;
    /// The most events of one request to publish.
    pub const PUBLISH_EVENTS_MAX: usize = 100;
    /// The largest body of a request to publish, in bytes.
    pub const PUBLISH_BYTES_MAX: usize = 1024 * 1024;
}
