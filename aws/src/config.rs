//! The environment, which is read once at start-up and nowhere else (`clippy.toml` bans it elsewhere). Its variables
//! are set by `template.yaml` for each function; a variable that a function does not get, it does not need.

mod calls;
mod file_limits;

use std::time::Duration;

use funnelcast_core::{Error, UserId};

pub use self::calls::{CallSettings, IceServers};
pub use self::file_limits::FileLimits;
use crate::{
    sdk::{self, Sdk},
    setting::Setting,
};

/// The prefixes of the stages that accept tokens of the dev issuer. All other stages may serve customers.
pub const DEVELOPMENT_STAGES: [&str; 3] = ["dev", "test", "local"];
/// The default of what one user may cost in an hour, in dollars.
const USER_DOLLARS_PER_HOUR: f64 = 0.5;

/// The configuration of a function, as the template sets it.
#[derive(Debug, Default)]
pub struct Config {
    /// `STAGE`: the stage of the API.
    pub stage: String,
    /// `TABLE_NAME`: the table.
    pub table: Option<String>,
    /// `MANAGEMENT_ENDPOINT`: the base URL of `@connections`.
    pub management_endpoint: Option<String>,
    /// `WEBSOCKET_URL`: the URL that clients connect to, if the API has a domain name of its own.
    pub websocket_url: Option<String>,
    /// `DELIVERY_QUEUE_URL`: the fan-out queue, of deliveries that are still to be made.
    pub delivery_queue: Option<String>,
    /// `TIMER_QUEUE_URL`: the timer queue.
    pub timer_queue: Option<String>,
    /// `FILES_BUCKET`: the bucket of files.
    pub files_bucket: Option<String>,
    /// `FILES_QUEUE_URL`: the queue of files that are to be examined or removed.
    pub files_queue: Option<String>,
    /// `FILE_LIMITS`: how large files may be.
    pub file_limits: FileLimits,
    /// `MALWARE_SCAN`: whether a file waits for the verdict of a scan. It has the id of the plan by which uploads are scanned, so
    /// that no file waits before there is one, or `off`.
    pub malware_scan: bool,
    /// `COMPANY_MESSAGES`: whether the messages of each company are measured; the number itself is the alarm's.
    pub watches_companies: bool,
    /// `DEAD_LETTERS_URL`: the dead-letter queue.
    pub dead_letters: Option<String>,
    /// `LEASE_SECONDS`: how long a connection counts as alive after it was last seen.
    pub lease: Lease,
    /// `CONVERSATION_RETENTION_DAYS`: how long chat messages are kept; `None` for ever.
    pub conversation_retention: Option<Duration>,
    /// `ALLOWED_ORIGINS`: the origins that browsers may connect from, separated by commas.
    pub allowed_origins: Vec<String>,
    /// `CORS_METHODS`, `CORS_HEADERS`: the methods and headers that pages of these origins may use with the HTTP API,
    /// separated by commas.
    pub cors: Option<(String, String)>,
    /// `ISSUERS`: the issuers of tokens, as JSON.
    pub issuers: Option<String>,
    /// `DEV_ISSUER_KEY`: the key of the dev issuer, in base64url.
    pub dev_issuer_key: Option<String>,
    /// `WHOP_API`: the URL of Whop's API.
    pub whop_api: Option<String>,
    /// `WHOP_API_KEY_SECRET`: the name of the secret that holds the app's key for it.
    pub whop_api_key: Option<String>,
    /// `AGENT_USER_ID`: the user as whom the app posts, as a bot.
    pub agent: Option<UserId>,
    /// `REVIEW_FUNCTION`: the ARN of the app's function that is asked before a message is kept.
    pub review_function: Option<String>,
    /// `REVIEW_FAILURE`: what becomes of a message if that function does not answer.
    pub review_failure: OnFailure,
    /// `SEARCH`: whether the messages of companies are indexed, so that their teams can search them.
    pub search: bool,
    /// How calls are set up, and how long they ring.
    pub calls: CallSettings,
    /// `BUS_NAME`: the event bus.
    pub bus: Option<String>,
    /// `EVENT_SOURCE`: the `source` of the app's events on the bus.
    pub event_source: Option<String>,
    /// `WEBHOOK_QUEUE_URL`: the queue of accepted webhooks.
    pub webhook_queue: Option<String>,
    /// `WHOP_WEBHOOK_SECRET`: the name of the secret that Whop signs webhooks with.
    pub whop_webhook_secret: Option<String>,
    /// `USER_DOLLARS_PER_HOUR`: what one user may cost per hour over time; a burst may cost more.
    pub user_dollars_per_hour: f64,
    /// The configuration of the SDKs, shared by everything that is built from this.
    pub sdk: Sdk,
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`Error::Internal`] if a variable is invalid.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_lookup(variable)
    }

    /// Reads the variables by `get` in place of the environment.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_lookup(get: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let get_setting = |setting: Setting| get(setting.variable());
        let retention_days = match get_setting(Setting::CONVERSATION_RETENTION) {
            None => 0,
            Some(days) => days.parse::<u32>().map_err(|_| {
                Setting::CONVERSATION_RETENTION
                    .wrong(format_args!("must be a whole number of days, or 0 for ever, not {days:?}"))
            })?,
        };
        let lease = match get_setting(Setting::LEASE) {
            None => Lease::default(),
            Some(secs) => Lease::from_secs(secs.parse().map_err(|_| {
                Setting::LEASE
                    .wrong(format_args!("must be a whole number of seconds, 2 to 900, not {secs:?}"))
            })?),
        };
        let user_dollars_per_hour = match get_setting(Setting::USER_DOLLARS) {
            None => USER_DOLLARS_PER_HOUR,
            Some(dollars) => match dollars.parse() {
                Ok(number) if number > 0.0 => number,
                _ => {
                    let why = format_args!("must be a number of dollars above 0, not {dollars:?}");
                    return Err(Setting::USER_DOLLARS.wrong(why));
                }
            },
        };
        let review_failure = match get_setting(Setting::REVIEW_FAILURE).as_deref() {
            None | Some("closed") => OnFailure::Closed,
            Some("open") => OnFailure::Open,
            Some(other) => {
                let why = format_args!("must be closed or open, not {other:?}");
                return Err(Setting::REVIEW_FAILURE.wrong(why));
            }
        };
        let on_or_off = |setting: Setting| match get_setting(setting).as_deref() {
            None | Some("off") => Ok(false),
            Some("on") => Ok(true),
            Some(other) => Err(setting.wrong(format_args!("must be on or off, not {other:?}"))),
        };
        let file_limits = match get_setting(Setting::FILE_LIMITS) {
            None => FileLimits::default(),
            Some(limits) => FileLimits::parse(&limits).map_err(|why| Setting::FILE_LIMITS.wrong(why))?,
        };
        let agent = get_setting(Setting::AGENT).map(UserId::try_from).transpose();
        if agent.as_ref().is_ok_and(|agent| *agent == Some(UserId::erased())) {
            return Err(Setting::AGENT.wrong("must not be the id that stands for users who have been erased"));
        }
        Ok(Self {
            stage: get_setting(Setting::STAGE).unwrap_or_default(),
            table: get_setting(Setting::TABLE),
            management_endpoint: get_setting(Setting::MANAGEMENT_ENDPOINT),
            websocket_url: get_setting(Setting::WEBSOCKET_DOMAIN),
            delivery_queue: get("DELIVERY_QUEUE_URL"),
            timer_queue: get("TIMER_QUEUE_URL"),
            files_bucket: get("FILES_BUCKET"),
            files_queue: get("FILES_QUEUE_URL"),
            file_limits,
            malware_scan: get_setting(Setting::MALWARE_SCAN).is_some_and(|plan| plan != "off"),
            watches_companies: get_setting(Setting::COMPANY_MESSAGES).is_some_and(|most| most != "0"),
            dead_letters: get("DEAD_LETTERS_URL"),
            lease,
            conversation_retention: (retention_days > 0)
                .then(|| Duration::from_hours(24).saturating_mul(retention_days)),
            allowed_origins: get_setting(Setting::ALLOWED_ORIGINS)
                .map(|list| list.split(',').map(|origin| origin.trim().to_owned()).collect())
                .unwrap_or_default(),
            cors: get("CORS_METHODS").zip(get("CORS_HEADERS")),
            issuers: get_setting(Setting::ISSUERS),
            dev_issuer_key: get_setting(Setting::DEV_ISSUER_KEY),
            whop_api: get_setting(Setting::WHOP_API),
            whop_api_key: get_setting(Setting::WHOP_API_KEY),
            agent: agent.map_err(|error| Setting::AGENT.caused_by(&error))?,
            review_function: get_setting(Setting::REVIEW_FUNCTION),
            review_failure,
            search: on_or_off(Setting::SEARCH)?,
            calls: CallSettings::read(get_setting)?,
            bus: get("BUS_NAME"),
            event_source: get_setting(Setting::EVENT_SOURCE),
            webhook_queue: get("WEBHOOK_QUEUE_URL"),
            whop_webhook_secret: get_setting(Setting::WHOP_WEBHOOK_SECRET),
            user_dollars_per_hour,
            sdk: Sdk::from_lookup(get),
        })
    }

    /// Whether the name of the stage says that it only serves developers.
    pub fn is_for_development(&self) -> bool {
        DEVELOPMENT_STAGES.iter().any(|name| self.stage.starts_with(name))
    }

    /// The URL that clients connect to. Unless it is configured, it is that of the management API, which has the same
    /// host and path
    /// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html>).
    ///
    /// # Errors
    /// [`Error::Internal`] if `MANAGEMENT_ENDPOINT` is not set, or is not an HTTP URL.
    pub fn websocket_url(&self) -> Result<String, Error> {
        if let Some(url) = &self.websocket_url {
            return Ok(url.clone());
        }
        let endpoint = Setting::MANAGEMENT_ENDPOINT.need(self.management_endpoint.as_ref())?;
        let rest = endpoint.strip_prefix("http"); // followed by `s` or not, like `ws`
        let rest = rest.ok_or_else(|| Setting::MANAGEMENT_ENDPOINT.wrong("must be an https or http URL"))?;
        Ok(format!("ws{}", rest.trim_end_matches('/')))
    }

    /// A variable that this function cannot do without, and that no parameter sets.
    ///
    /// # Errors
    /// [`Error::Internal`] with its name, if it is not set.
    pub fn need<'a>(name: &str, value: Option<&'a String>) -> Result<&'a str, Error> {
        sdk::required(name, value)
    }
}

/// What becomes of a message if the function that reviews it does not answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// It is not kept, and its sender may try again.
    #[default]
    Closed,
    /// It is kept as it is.
    Open,
}

/// How long a connection counts as alive after it was last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease(Duration);

impl Lease {
    /// The longest lease, in seconds: the end of a lease is a message of SQS, which delays messages by at most 15
    /// minutes
    /// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html>).
    const SECS_MAX: u64 = 900;

    /// A lease of this many seconds, limited to 1 to 900.
    fn from_secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs.clamp(1, Self::SECS_MAX)))
    }

    /// The length of the lease.
    pub const fn length(self) -> Duration {
        self.0
    }

    /// How old the last record of a connection may be before a `ping` is written down: a third of the lease. So a page
    /// that is pinged every minute writes rarely, and the record of a client that pings twice in its lease is never as
    /// old as the lease, though one ping may be lost.
    pub const fn unwritten_max(self) -> Duration {
        Duration::from_millis(self.0.as_secs() * 1_000 / 3)
    }
}

impl Default for Lease {
    /// 10 minutes, after which API Gateway ends an idle connection too. A client that pings twice in that time pings
    /// seldom, and a `ping` causes at most 18 writes an hour.
    fn default() -> Self {
        Self::from_secs(600)
    }
}

/// Whether logs are written as JSON, which Lambda itself sets
/// (<https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html>).
pub(crate) fn logs_are_json() -> bool {
    variable("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("json"))
}

/// `RUST_LOG`: a filter for `tracing-subscriber`.
pub(crate) fn log_filter() -> Option<String> {
    variable(Setting::LOG_LEVEL.variable())
}

/// A variable of the environment that is set and not empty, for a program that is no function.
pub fn environment(name: &str) -> Option<String> {
    variable(name)
}

/// A variable that is set and not empty. CloudFormation cannot omit a variable, only leave it empty.
#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)]) -> Result<Config, Error> {
        Config::from_lookup(|name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    }

    #[test]
    fn zero_days_is_for_ever() {
        assert_eq!(config(&[("CONVERSATION_RETENTION_DAYS", "0")]).unwrap().conversation_retention, None);
        let week = config(&[("CONVERSATION_RETENTION_DAYS", "7")]).unwrap().conversation_retention;
        assert_eq!(week, Some(Duration::from_hours(168)));
        assert!(config(&[("CONVERSATION_RETENTION_DAYS", "a week")]).is_err());
    }

    #[test]
    fn a_lease_has_bounds_and_is_written_three_times_at_most() {
        let lease = |secs: &str| config(&[("LEASE_SECONDS", secs)]).map(|config| config.lease);
        assert_eq!(config(&[]).unwrap().lease.unwritten_max(), Duration::from_secs(200));
        assert_eq!(lease("6").unwrap().length(), Duration::from_secs(6));
        assert_eq!(lease("0").unwrap().length(), Duration::from_secs(1));
        assert_eq!(lease("3600").unwrap().length(), Duration::from_mins(15));
        assert!(lease("soon").is_err());
    }

    #[test]
    fn a_stage_is_for_development_by_its_name() {
        for (stage, expected) in [
            ("dev", true),
            ("dev2", true),
            ("test", true),
            ("local", true),
            ("prod", false),
            ("production", false),
            ("live", false),
            ("staging", false),
            ("main", false),
            ("mydev", false),
        ] {
            assert_eq!(config(&[("STAGE", stage)]).unwrap().is_for_development(), expected, "{stage}");
        }
        assert!(!config(&[]).unwrap().is_for_development());
    }

    #[test]
    fn the_websocket_url_is_configured_or_derived_from_the_management_endpoint() {
        let url = |endpoint| config(&[("MANAGEMENT_ENDPOINT", endpoint)]).unwrap().websocket_url();
        assert_eq!(
            url("https://a1.execute-api.eu-west-1.amazonaws.com/dev").unwrap(),
            "wss://a1.execute-api.eu-west-1.amazonaws.com/dev"
        );
        assert_eq!(url("http://127.0.0.1:3001/dev/").unwrap(), "ws://127.0.0.1:3001/dev");
        let own = config(&[
            ("WEBSOCKET_URL", "wss://ws.app.example"),
            ("MANAGEMENT_ENDPOINT", "https://a1.execute-api.eu-west-1.amazonaws.com/dev"),
        ]);
        assert_eq!(own.unwrap().websocket_url().unwrap(), "wss://ws.app.example");
        assert!(url("ftp://shop.example").is_err());
        assert!(config(&[]).unwrap().websocket_url().is_err());
    }

    #[test]
    fn what_a_user_may_cost_is_a_number_of_dollars() {
        let dollars =
            |text| config(&[("USER_DOLLARS_PER_HOUR", text)]).map(|config| config.user_dollars_per_hour);
        assert!((dollars("2.5").unwrap() - 2.5).abs() < f64::EPSILON);
        for text in ["0", "-1", "NaN", "much"] {
            assert!(dollars(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_agent_is_a_user_or_nobody() {
        assert_eq!(config(&[]).unwrap().agent, None);
        assert_eq!(config(&[("AGENT_USER_ID", "user_1")]).unwrap().agent, Some("user_1".parse().unwrap()));
        assert!(config(&[("AGENT_USER_ID", "user 1")]).is_err());
        assert!(config(&[("AGENT_USER_ID", "deleted")]).is_err(), "it stands for users who have been erased");
    }

    #[test]
    fn a_review_that_fails_is_closed_or_open() {
        let failure = |text| config(&[("REVIEW_FAILURE", text)]).map(|config| config.review_failure);
        assert_eq!(config(&[]).unwrap().review_failure, OnFailure::Closed);
        assert_eq!((failure("closed"), failure("open")), (Ok(OnFailure::Closed), Ok(OnFailure::Open)));
        assert!(failure("ajar").is_err());
    }

    #[test]
    fn messages_are_indexed_only_where_the_parameter_says_so() {
        let search = |text| config(&[("SEARCH", text)]).map(|config| config.search);
        assert!(!config(&[]).unwrap().search);
        assert_eq!((search("off"), search("on")), (Ok(false), Ok(true)));
        assert!(search("yes").is_err());
    }

    #[test]
    fn origins_are_a_list() {
        let origins =
            config(&[("ALLOWED_ORIGINS", "https://a.example, https://b.example")]).unwrap().allowed_origins;
        assert_eq!(origins, ["https://a.example", "https://b.example"]);
    }
}
