//! The estimate for one operation in a channel of a given size.

use serde::Serialize;

use super::{
    dollars::{Dollars, Service},
    figures::{Operation, Prices, Recipients},
};

// These are limits of the product and a memory size of the template, which `local` does not depend on. A test in
// tests/tests/suite/house.rs fails if they differ.

/// In larger channels a chat message is marked for the stream, and `broadcast` posts it.
const DIRECT_MEMBERS_MAX: u32 = 50;
/// The members that one invocation posts to.
const DELIVERY_MEMBERS_MAX: u32 = 3_000;
/// The members of one page of the table.
const PAGE_MEMBERS_MAX: u32 = 500;
/// The posts in flight at once in one invocation.
const IN_FLIGHT_MAX: u32 = 100;
/// The memory of `broadcast`.
const BROADCAST_MB: f64 = 1_024.0;
const READ_UNIT_BYTES: f64 = 4_096.0;
/// A message of a WebSocket API is billed in units of 32 KiB, rounded up.
const MESSAGE_BYTES: f64 = 32_768.0;
/// The requests for a message in a queue: send, receive and delete.
const REQUESTS_A_QUEUED: u32 = 3;
pub(super) const MILLION: f64 = 1e6;

/// What cannot be known beforehand.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Assumptions {
    /// How long `@connections` takes for a post.
    pub(super) post_ms: f64,
    /// How long the table takes for a call.
    pub(super) table_ms: f64,
    pub(super) member_bytes: f64,
    pub(super) frame_bytes: f64,
}

/// What one operation uses, how long it takes, and what it costs.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Estimate {
    pub(super) operation: String,
    pub(super) what: String,
    pub(super) members: u32,
    pub(super) delivered: u32,
    pub(super) invocations: u32,
    pub(super) read_units: f64,
    pub(super) write_units: f64,
    /// The shortest time, with as many posts in flight as one invocation allows.
    pub(super) seconds: f64,
    /// The time that the account's quota of requests imposes, if nothing else uses the quota.
    pub(super) quota_seconds: f64,
    pub(super) dollars: Dollars,
    /// What its stored bytes cost besides, each month.
    pub(super) stored_dollars_a_month: f64,
}

/// The posts of an operation, and what is needed for them.
struct FanOut {
    posts: u32,
    /// Invocations of `broadcast`, in addition to the operation's own.
    invocations: u32,
    write_units: u32,
    read_units: f64,
    sqs: u32,
}

impl FanOut {
    fn of(operation: &Operation, members: u32, assumptions: &Assumptions) -> Self {
        let posts = match operation.recipients {
            Recipients::Nobody => 0,
            Recipients::Others => members.saturating_sub(1),
            Recipients::All => members,
        };
        // The operation's own units include the first one of the members' rows.
        let read_units = if posts == 0 { 0.0 } else { member_units(members, assumptions.member_bytes) - 1.0 };
        let deliveries = members.div_ceil(DELIVERY_MEMBERS_MAX).max(1);
        let is_kept = operation.write_units > 0;
        let is_marked = operation.recipients == Recipients::Others && is_kept && members > DIRECT_MEMBERS_MAX;
        // A continuation is a message in the queue; a marked message starts with a record of the stream.
        let continuations = if posts == 0 { 0 } else { deliveries - 1 };
        Self {
            posts,
            invocations: continuations + u32::from(is_marked),
            write_units: u32::from(is_marked),
            read_units,
            sqs: continuations * REQUESTS_A_QUEUED,
        }
    }
}

impl Estimate {
    pub(super) fn of(
        operation: &Operation,
        members: u32,
        assumptions: &Assumptions,
        prices: &Prices,
    ) -> Self {
        let fan_out = FanOut::of(operation, members, assumptions);
        let posts = f64::from(fan_out.posts);
        let post_seconds = f64::from(fan_out.posts.div_ceil(IN_FLIGHT_MAX)) * assumptions.post_ms / 1e3;
        let pages = f64::from(members.div_ceil(PAGE_MEMBERS_MAX).max(1) - 1);
        let own_seconds = f64::from(operation.steps) * assumptions.table_ms / 1e3;
        let page_seconds = if fan_out.posts == 0 { 0.0 } else { pages * assumptions.table_ms / 1e3 };

        let write_units = f64::from(operation.write_units + fan_out.write_units);
        let read_units = operation.read_units + fan_out.read_units;
        let invocations = operation.invocations + fan_out.invocations;
        let posting_mb = if fan_out.invocations > 0 { BROADCAST_MB } else { f64::from(operation.memory_mb) };
        let gb_seconds = (own_seconds * f64::from(operation.memory_mb)
            + (post_seconds + page_seconds) * posting_mb)
            / 1_024.0;
        let frames = f64::from(operation.frames) + posts * (assumptions.frame_bytes / MESSAGE_BYTES).ceil();
        let (lines, measured) = operation.logged();
        let dollars = Dollars::from([
            (
                Service::Websocket,
                frames * prices.websocket_million_messages / MILLION
                    + f64::from(operation.minutes) * prices.websocket_million_minutes / MILLION,
            ),
            (Service::Http, f64::from(operation.requests) * prices.http_million_requests / MILLION),
            (
                Service::Lambda,
                f64::from(invocations) * prices.lambda_million_requests / MILLION
                    + gb_seconds * prices.lambda_gb_second,
            ),
            (
                Service::Dynamodb,
                write_units * prices.dynamodb_million_writes / MILLION
                    + read_units * prices.dynamodb_million_reads / MILLION,
            ),
            (Service::Eventbridge, f64::from(operation.events) * prices.eventbridge_million_events / MILLION),
            (Service::Sqs, f64::from(operation.sqs + fan_out.sqs) * prices.sqs_million_requests / MILLION),
            (
                Service::S3,
                f64::from(operation.s3_puts) * prices.s3_million_puts / MILLION
                    + f64::from(operation.s3_gets) * prices.s3_million_gets / MILLION,
            ),
            (Service::Transfer, posts * assumptions.frame_bytes / 1e9 * prices.transfer_gb),
            (Service::Logs, (lines + measured) / 1e9 * prices.logs_gb),
        ]);
        Self {
            operation: operation.name.clone(),
            what: operation.what.clone(),
            members,
            delivered: fan_out.posts,
            invocations,
            read_units,
            write_units,
            seconds: own_seconds + page_seconds + post_seconds,
            quota_seconds: posts / prices.quota_requests_a_second,
            dollars,
            stored_dollars_a_month: gigabytes(operation.stored_bytes) * prices.s3_gb_month,
        }
    }

    /// The shortest time, or what the quota imposes if that is longer.
    pub(super) fn seconds_at_least(&self) -> f64 {
        self.seconds.max(self.quota_seconds)
    }

    /// Dollars for a million deliveries, or for a million operations if they post to nobody.
    pub(super) fn dollars_a_million(&self) -> f64 {
        self.dollars.total() * MILLION / f64::from(self.delivered.max(1))
    }
}

#[expect(clippy::cast_precision_loss, reason = "what an operation stores is far below 2^52 bytes")]
fn gigabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e9
}

/// The units that a strongly consistent read of the members' rows consumes, page by page.
fn member_units(members: u32, member_bytes: f64) -> f64 {
    let units = |rows: u32| (f64::from(rows) * member_bytes / READ_UNIT_BYTES).ceil().max(1.0);
    let (pages, rest) = (members / PAGE_MEMBERS_MAX, members % PAGE_MEMBERS_MAX);
    let of_rest = if rest > 0 || pages == 0 { units(rest) } else { 0.0 };
    f64::from(pages) * units(PAGE_MEMBERS_MAX) + of_rest
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "sums of a few numbers that are written down here too")]
mod tests {
    use super::*;
    use crate::cost::figures::{Counted, OPERATIONS, PRICES};

    const ASSUMPTIONS: Assumptions =
        Assumptions { post_ms: 10.0, table_ms: 5.0, member_bytes: 256.0, frame_bytes: 550.0 };

    fn estimate(name: &str, members: u32) -> Estimate {
        let prices = yaml_serde::from_str(PRICES).unwrap();
        let counted: Counted = yaml_serde::from_str(OPERATIONS).unwrap();
        let operation = counted.operations.iter().find(|known| known.name == name).unwrap();
        Estimate::of(operation, members, &ASSUMPTIONS, &prices)
    }

    #[test]
    fn the_units_of_members_are_begun_4_kib_of_each_page() {
        let units = |members| member_units(members, 256.0);
        assert_eq!([units(0), units(1), units(16), units(17)], [1.0, 1.0, 1.0, 2.0]);
        assert_eq!([units(500), units(501), units(1_000)], [32.0, 33.0, 64.0]);
    }

    #[test]
    fn a_chat_message_of_two_costs_three_messages_three_reads_and_a_write() {
        let chat = estimate("chat", 2);
        assert_eq!((chat.delivered, chat.invocations), (1, 1));
        assert_eq!((chat.read_units, chat.write_units), (3.0, 1.0));
        assert_eq!(chat.dollars.of(Service::Websocket), 3.0 / MILLION);
        assert_eq!(chat.dollars.of(Service::Dynamodb), 3.0 * 0.125 / MILLION + 0.625 / MILLION);
    }

    #[test]
    fn a_message_in_a_large_conversation_uses_the_stream_and_typing_does_not() {
        let chat = |members| estimate("chat", members);
        assert_eq!((chat(50).invocations, chat(50).write_units), (1, 1.0));
        assert_eq!((chat(51).invocations, chat(51).write_units), (2, 2.0));
        assert_eq!(estimate("typing", 51).invocations, 1);
    }

    #[test]
    fn a_channel_of_10000_takes_four_invocations_and_a_second() {
        let update = estimate("update", 10_000);
        assert_eq!((update.delivered, update.invocations), (10_000, 4));
        assert_eq!(update.quota_seconds, 1.0);
        assert!(update.seconds > 1.0 && update.seconds_at_least() == update.seconds);
        assert!(
            update.dollars.of(Service::Websocket) / update.dollars.total() > 0.9,
            "posts are nearly all of it"
        );
    }

    #[test]
    fn ten_updates_in_one_request_cost_less_than_ten_on_the_bus() {
        let (ten, one, on_the_bus) =
            (estimate("publish-ten", 2), estimate("publish", 2), estimate("update", 2));
        assert_eq!((ten.delivered, ten.dollars.of(Service::Http)), (2, 1.0 / MILLION));
        assert!(one.dollars.total() < on_the_bus.dollars.total(), "one by HTTP costs about as much");
        assert!(ten.dollars.total() < 0.5 * 10.0 * on_the_bus.dollars.total());
    }

    #[test]
    fn a_file_costs_its_requests_at_once_and_its_bytes_each_month() {
        let upload = "{name: upload, what: a file, invocations: 1, memoryMb: 512, reads: 0, readUnits: 0, writeUnits: 0, steps: 0,
            recipients: nobody, s3Puts: 3, s3Gets: 2, storedBytes: 2000000000}";
        let (upload, prices) = (yaml_serde::from_str(upload).unwrap(), yaml_serde::from_str(PRICES).unwrap());
        let estimate = Estimate::of(&upload, 1, &ASSUMPTIONS, &prices);
        assert_eq!(estimate.dollars.of(Service::S3), 3.0 * 5.0 / MILLION + 2.0 * 0.4 / MILLION);
        assert_eq!(estimate.stored_dollars_a_month, 0.046);
    }

    #[test]
    fn a_frame_of_more_than_32_kib_counts_twice() {
        let large = Assumptions { frame_bytes: 40_000.0, ..ASSUMPTIONS };
        let prices = yaml_serde::from_str(PRICES).unwrap();
        let counted: Counted = yaml_serde::from_str(OPERATIONS).unwrap();
        let update = counted.operations.iter().find(|known| known.name == "update").unwrap();
        assert_eq!(Estimate::of(update, 10, &large, &prices).dollars.of(Service::Websocket), 20.0 / MILLION);
    }
}
