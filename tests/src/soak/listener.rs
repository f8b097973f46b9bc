//! The app's backend as it hears of conversations: a URL to which the stack's bus sends chat events, and which is out of order
//! now and then.

use anyhow::Result;
use serde_json::Value;

use super::record::{Event, Report};
use crate::Outside;

const PATH: &str = "/api/chat-events";
const SECRET: &str = "funnelcast/dev/chat-events";

/// The URL, and the requests that it received.
pub(super) struct Listener {
    outside: Outside,
}

impl Listener {
    /// Starts a URL that accepts everything.
    pub(super) async fn start() -> Result<Self> {
        let listener = Self { outside: Outside::start().await? };
        listener.in_order()?;
        Ok(listener)
    }

    /// The options of `funnelcast-local up` by which a stack sends chat events to the URL.
    pub(super) fn options(&self) -> Vec<String> {
        let parameters = [
            "ChatEvents=on".to_owned(),
            format!("ChatEventsUrl={}", self.outside.url(PATH)),
            format!("ChatEventsKeySecret={SECRET}"),
        ];
        let parameters = parameters.into_iter().flat_map(|parameter| ["--parameter".to_owned(), parameter]);
        parameters.chain(["--secret".to_owned(), format!("{SECRET}=the key of a soak")]).collect()
    }

    /// Accepts everything from now on.
    pub(super) fn in_order(&self) -> Result<()> {
        self.outside.answers(PATH, 204, Value::Null)
    }

    /// Refuses everything from now on.
    pub(super) fn out_of_order(&self) -> Result<()> {
        self.outside.answers(PATH, 503, Value::Null)
    }

    /// The chat events that were sent to it, including those that it refused.
    pub(super) fn reports(&self) -> Vec<Report> {
        let bodies = self.outside.asked(PATH).into_iter().map(|asked| asked.body);
        bodies.map(|body| report(&body)).collect()
    }
}

fn report(body: &Value) -> Report {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let detail = &body["detail"];
    Report {
        detail_type: text(&body["detail-type"]).unwrap_or_default(),
        company: text(&detail["companyId"]),
        event: Event::of(&detail["event"]),
    }
}
