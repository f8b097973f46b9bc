//! The bill of an app for a month, by cause and by service.

use serde::Serialize;

use super::{
    app::{App, Architecture, LogLevel, Switch, Tracing},
    dollars::{Dollars, Service},
    estimate::{Assumptions, Estimate, MILLION},
    figures::{Counted, Operation, Prices, Recipients},
};

// How often our client pings is in docs/protocol.md.

/// A visible page pings when nothing has arrived for so many seconds, on average.
const VISIBLE_PING_SECONDS: f64 = 50.0;
/// Each page pings when nothing has been sent for this part of its lease, on average.
const LEASE_PING: f64 = 0.45;
/// A ping is written when the one that was written last is older than this part of the lease.
const LEASE_RENEWED: f64 = 1.0 / 3.0;
/// The timer of a lease fires after this part of it, on average: a lease after the last ping that was written.
const LEASE_CHECKED: f64 = 0.75;
/// The shards of the stream of a new table, each of which invokes `digest` once a second at most (template.yaml).
const STREAM_SHARDS: f64 = 4.0;
/// What is stored of a message besides its text: the key, the sender, the time, and 100 bytes that `DynamoDB` adds.
const LOG_ROW_BYTES: f64 = 300.0;
/// The part of its bytes that a log keeps after its compression.
const LOGS_COMPRESSED: f64 = 0.15;
/// The part of the invocations that X-Ray records: 1 in a second, and 5 % of the others.
const TRACED: f64 = 0.05;
/// The alarms of template.yaml, and those of an account that are free.
const ALARMS: f64 = 10.0;
const FREE_ALARMS: f64 = 10.0;
/// What Lambda asks queues for that are empty: 4 queues, 5 pollers each, 3 times a minute.
const POLLS_A_MONTH: f64 = 4.0 * 5.0 * 3.0 * 60.0 * 24.0 * 30.0;
/// The operation of a lease's timer, which is set by `connect`, and again each time that it finds the connection alive.
const LEASE: &str = "lease";

/// What a cause costs in a month.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Line {
    pub(super) cause: String,
    /// How often it happens in a month; `None` for what does not happen but is there.
    pub(super) times: Option<f64>,
    pub(super) dollars: Dollars,
}

/// A bill.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Month {
    pub(super) lines: Vec<Line>,
}

/// What another value of a parameter would make of a bill.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Saving {
    pub(super) change: String,
    /// Less than zero where it costs more.
    pub(super) dollars: f64,
}

impl Month {
    /// Dollars for each service, all causes together.
    pub(super) fn by_service(&self) -> Dollars {
        self.lines.iter().fold(Dollars::default(), |sum, line| sum.and(&line.dollars))
    }

    pub(super) fn total(&self) -> f64 {
        self.by_service().total()
    }
}

/// What bills are made from.
pub(super) struct Bills<'a> {
    pub(super) counted: &'a Counted,
    pub(super) prices: &'a Prices,
    pub(super) assumptions: &'a Assumptions,
}

impl Bills<'_> {
    /// The bill of a month.
    pub(super) fn month(&self, app: &App) -> anyhow::Result<Month> {
        let mut lines = vec![self.connected(app)?, self.timers(app)?, self.arriving(app)?];
        let mut messages = 0.0;
        for used in &app.operations {
            let operation = self.counted.operation(&used.name)?;
            let times = app.times(used);
            let members = used.members.unwrap_or(app.members);
            lines.push(self.line(app, used.name.clone(), operation, members, times));
            if operation.is_message {
                messages += times;
            }
        }
        if messages > 0.0 {
            lines.push(self.inboxes(app, messages)?);
            lines.push(self.kept(app, messages));
        }
        lines.push(self.standing(app));
        self.keep_logs(app, &mut lines);
        Ok(Month { lines })
    }

    /// What other values of the parameters would save.
    pub(super) fn savings(&self, app: &App) -> anyhow::Result<Vec<Saving>> {
        let now = self.month(app)?.total();
        let mut variants: Vec<(String, App)> = Vec::new();
        let mut vary = |change: &str, change_it: &dyn Fn(&mut App)| {
            let mut other = app.clone();
            change_it(&mut other);
            variants.push((change.to_owned(), other));
        };
        vary("LeaseSeconds=900", &|app| app.parameters.lease_seconds = 900.0);
        vary("LogLevel=warn", &|app| app.parameters.log_level = LogLevel::Warn);
        vary("LogRetentionDays=3", &|app| app.parameters.log_retention_days = 3.0);
        vary("Tracing=PassThrough", &|app| app.parameters.tracing = Tracing::PassThrough);
        vary("Search=off", &|app| app.parameters.search = Switch::Off);
        vary("ChatEvents=off", &|app| app.parameters.chat_events = Switch::Off);
        vary("Architecture=arm64", &|app| app.parameters.architecture = Architecture::Arm64);
        vary("ConversationRetentionDays=30", &|app| app.months_kept = app.months_kept.min(1.0));
        let mut savings = Vec::new();
        for (change, other) in variants {
            let dollars = now - self.month(&other)?.total();
            if dollars.abs() >= 0.005 {
                savings.push(Saving { change, dollars });
            }
        }
        savings.sort_by(|one, other| other.dollars.total_cmp(&one.dollars));
        Ok(savings)
    }

    /// Being connected: the minutes of the connections, and the pings.
    fn connected(&self, app: &App) -> anyhow::Result<Line> {
        let hours = app.connection_hours();
        let minutes = hours * 60.0 * self.prices.websocket_million_minutes / MILLION;
        let pings = self.pings_an_hour(app)?;
        let written = pings.min(3_600.0 / (LEASE_RENEWED * app.parameters.lease_seconds));
        let renewals = written * hours * self.prices.dynamodb_million_writes / MILLION;
        let mut line =
            self.line(app, "connected".to_owned(), self.counted.operation("ping")?, 1, pings * hours);
        line.dollars =
            line.dollars.and(&[(Service::Websocket, minutes), (Service::Dynamodb, renewals)].into());
        Ok(line)
    }

    /// The pings of a connection in an hour: one whenever nothing has arrived for a while, if somebody may be looking, or
    /// nothing has been sent for a part of the lease.
    fn pings_an_hour(&self, app: &App) -> anyhow::Result<f64> {
        let (mut sent, mut received) = (0.0, 0.0);
        for used in &app.operations {
            let members = f64::from(used.members.unwrap_or(app.members));
            let of_all = used.a_connection_hour + used.an_hour / app.connections;
            let delivered = match self.counted.operation(&used.name)?.recipients {
                Recipients::Nobody => 0.0,
                Recipients::Others => members - 1.0,
                Recipients::All => members,
            };
            sent += used.a_connection_hour;
            received += used.a_connection_hour + of_all * delivered; // with the replies
        }
        let hidden = pings_for(sent, LEASE_PING * app.parameters.lease_seconds);
        let visible = pings_for(received, VISIBLE_PING_SECONDS).max(hidden);
        Ok(app.visible * visible + (1.0 - app.visible) * hidden)
    }

    /// The timers that look whether connections are alive.
    fn timers(&self, app: &App) -> anyhow::Result<Line> {
        let times = app.connection_hours() * 3_600.0 / (LEASE_CHECKED * app.parameters.lease_seconds);
        Ok(self.line(app, "leases".to_owned(), self.counted.operation(LEASE)?, 1, times))
    }

    /// Coming, joining and going.
    fn arriving(&self, app: &App) -> anyhow::Result<Line> {
        let connects = app.connects();
        let mut line = self.line(app, "arriving".to_owned(), self.counted.operation("connect")?, 1, connects);
        let joins =
            self.line(app, String::new(), self.counted.operation("join")?, 1, connects * app.channels);
        line.dollars = line.dollars.and(&joins.dollars);
        Ok(line)
    }

    /// What inboxes, the backend and the index get of messages. Messages that come together share an invocation.
    fn inboxes(&self, app: &App, messages: f64) -> anyhow::Result<Line> {
        let name = if app.parameters.search == Switch::On { "digest-indexed" } else { "digest" };
        let mut line = self.line(app, "inboxes".to_owned(), self.counted.operation(name)?, 1, messages);
        if app.parameters.chat_events == Switch::On {
            let heard = self.line(app, String::new(), self.counted.operation("hear")?, 1, messages);
            line.dollars = line.dollars.and(&heard.dollars);
        }
        let shared = (messages - STREAM_SHARDS * 3_600.0 * app.open_hours()).max(0.0);
        let requests = shared * self.prices.lambda_million_requests / MILLION;
        let logs = line.dollars.of(Service::Logs) * shared / messages;
        line.dollars = line.dollars.and(&[(Service::Lambda, -requests), (Service::Logs, -logs)].into());
        Ok(line)
    }

    /// What is stored of messages.
    fn kept(&self, app: &App, messages: f64) -> Line {
        let gb = messages * app.months_kept * (app.message_bytes + LOG_ROW_BYTES) / 1e9;
        let dollars = Dollars::from([
            (Service::Storage, gb * self.prices.table_gb_month),
            (Service::Backups, gb * self.prices.backup_gb_month),
        ]);
        Line { cause: "kept messages".to_owned(), times: None, dollars }
    }

    /// What a stack costs that nobody uses.
    fn standing(&self, app: &App) -> Line {
        let alarms = if app.parameters.alarm_topic.is_empty() { 0.0 } else { ALARMS - FREE_ALARMS };
        let dollars = Dollars::from([
            (Service::Sqs, POLLS_A_MONTH * self.prices.sqs_million_requests / MILLION),
            (Service::Alarms, alarms * self.prices.alarm_month),
        ]);
        Line { cause: "standing".to_owned(), times: None, dollars }
    }

    /// Logs cost when they are written, and as long as they are kept.
    fn keep_logs(&self, app: &App, lines: &mut [Line]) {
        let months = app.parameters.log_retention_days / 30.0;
        let kept = LOGS_COMPRESSED * months * self.prices.logs_gb_month / self.prices.logs_gb;
        for line in lines {
            let logs = line.dollars.of(Service::Logs) * kept;
            line.dollars = std::mem::take(&mut line.dollars).and(&[(Service::Logs, logs)].into());
        }
    }

    /// An operation that happens so often, as the app's parameters have it.
    fn line(&self, app: &App, cause: String, operation: &Operation, members: u32, times: f64) -> Line {
        let estimate = Estimate::of(operation, members, self.assumptions, self.prices);
        let mut dollars = estimate.dollars.times(times);
        if app.parameters.architecture == Architecture::X86 {
            let requests = f64::from(estimate.invocations) * self.prices.lambda_million_requests / MILLION;
            let dearer = self.prices.lambda_gb_second_x86 / self.prices.lambda_gb_second - 1.0;
            let more = (dollars.of(Service::Lambda) - requests * times) * dearer;
            dollars = dollars.and(&[(Service::Lambda, more)].into());
        }
        if app.parameters.log_level == LogLevel::Warn {
            let (lines, _) = operation.logged();
            dollars = dollars.and(&[(Service::Logs, -lines * times / 1e9 * self.prices.logs_gb)].into());
        }
        if app.parameters.tracing == Tracing::Active {
            let traced = f64::from(estimate.invocations) * times * TRACED;
            dollars = dollars.and(&[(Service::Traces, traced * self.prices.million_traces / MILLION)].into());
        }
        let stored = estimate.stored_dollars_a_month * times * app.months_kept;
        dollars = dollars.and(&[(Service::S3, stored)].into());
        Line { cause, times: Some(times), dollars }
    }
}

/// The pings of an hour if each comes after `seconds` without any of `frames` an hour, which come at random times.
fn pings_for(frames: f64, seconds: f64) -> f64 {
    let expected = frames * seconds / 3_600.0;
    if expected < 1e-6 { 3_600.0 / seconds } else { frames / expected.exp_m1() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::figures::{OPERATIONS, PRICES};

    const ASSUMPTIONS: Assumptions =
        Assumptions { post_ms: 10.0, table_ms: 5.0, member_bytes: 256.0, frame_bytes: 550.0 };
    /// Ten users at a time, one hour a day, who each send a message a minute.
    const APP: &str = "{connections: 10, hoursADay: 1, operations: [{name: chat, aConnectionHour: 60}]}";

    fn with_bills<T>(check: impl FnOnce(&Bills<'_>) -> T) -> T {
        let (counted, prices) =
            (yaml_serde::from_str(OPERATIONS).unwrap(), yaml_serde::from_str(PRICES).unwrap());
        check(&Bills { counted: &counted, prices: &prices, assumptions: &ASSUMPTIONS })
    }

    fn month(app: &str) -> Month {
        with_bills(|bills| bills.month(&App::parse(app).unwrap())).unwrap()
    }

    fn line<'a>(month: &'a Month, cause: &str) -> &'a Line {
        month.lines.iter().find(|line| line.cause == cause).unwrap()
    }

    fn equal(one: f64, other: f64) -> bool {
        (one - other).abs() <= 1e-9 * one.abs().max(other.abs())
    }

    #[test]
    fn an_operation_costs_in_a_month_what_it_costs_so_many_times() {
        let month = month(APP);
        let chat = line(&month, "chat");
        assert_eq!(chat.times, Some(10.0 * 30.0 * 60.0));
        assert!(equal(chat.dollars.of(Service::Websocket), 18_000.0 * 3.0 / MILLION));
        assert!(equal(month.total(), month.lines.iter().map(|line| line.dollars.total()).sum()));
    }

    #[test]
    fn a_quiet_connection_pings_by_need_and_a_busy_one_for_its_lease() {
        assert!(equal(pings_for(0.0, 60.0), 60.0));
        assert!(equal(pings_for(60.0, 60.0), 60.0 / 1_f64.exp_m1()));
        let pings = |app: &str| with_bills(|bills| bills.pings_an_hour(&App::parse(app).unwrap())).unwrap();
        // Each sends 60 messages an hour, and receives as many and the replies to its own.
        assert!(equal(pings(APP), pings_for(120.0, 50.0)));
        let hidden = APP.replace("hoursADay: 1", "hoursADay: 1, visible: 0, parameters: {LeaseSeconds: 300}");
        assert!(equal(pings(&hidden), pings_for(60.0, 0.45 * 300.0)));
        let quiet = hidden.replace("name: chat, aConnectionHour: 60", "name: update, anHour: 1");
        assert!(equal(pings(&quiet), 3_600.0 / (0.45 * 300.0)));
        assert!(equal(pings(&quiet.replace("visible: 0", "visible: 1")), pings_for(0.2, 50.0)));
    }

    #[test]
    fn messages_that_come_together_share_an_invocation() {
        // 10 connections make 600 messages an hour, and 40,000 make 2.4 million, of which 14,400 batches are made.
        let (few, many) = (month(APP), month(&APP.replace("10,", "40000,")));
        let lambda = |month: &Month| line(month, "inboxes").dollars.of(Service::Lambda);
        let requests = 0.20 / MILLION;
        let seconds = lambda(&few) - 18_000.0 * requests;
        assert!(equal(lambda(&many), seconds * 4_000.0 + 14_400.0 * 30.0 * requests));
    }

    #[test]
    fn what_a_parameter_saves_is_the_difference_of_two_bills() {
        let dear = "connections: 10000, hoursADay: 8, parameters: {Tracing: Active, Search: \"on\", Architecture: x86_64}";
        let dear = APP.replace("connections: 10, hoursADay: 1", dear);
        let savings = with_bills(|bills| bills.savings(&App::parse(&dear).unwrap())).unwrap();
        let saved = |change: &str| savings.iter().find(|saving| saving.change == change).unwrap().dollars;
        let without = month(&dear.replace("Tracing: Active, ", ""));
        assert!(equal(saved("Tracing=PassThrough"), month(&dear).total() - without.total()));
        assert!(saved("Search=off") > saved("Architecture=arm64"), "{savings:?}");
        assert!(!savings.iter().any(|saving| saving.change == "ChatEvents=off"), "it is off");
    }

    #[test]
    fn an_unknown_operation_and_a_wrong_field_are_named() {
        let app = App::parse(&APP.replace("name: chat", "name: chit")).unwrap();
        let error = with_bills(|bills| bills.month(&app)).unwrap_err().to_string();
        assert!(error.starts_with("unknown operation \"chit\"; the operations are chat, "), "{error}");
        for (from, to, message) in [
            ("connections: 10", "connections: 0", "connections must be 1 to 10000000"),
            ("hoursADay: 1", "hoursADay: 25", "hoursADay must be 0.01 to 24"),
            (
                "aConnectionHour: 60",
                "anHour: -1",
                "operation chat: either aConnectionHour or anHour must be above 0",
            ),
            (
                "aConnectionHour: 60",
                "members: 3",
                "operation chat: either aConnectionHour or anHour must be above 0",
            ),
        ] {
            assert_eq!(App::parse(&APP.replace(from, to)).unwrap_err().to_string(), message);
        }
    }
}
