//! Messages that a user sends by HTTP, without a client, while their devices are connected. Those devices are posted these
//! messages like everybody else's.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::app::App;
use super::calls::Said;
use crate::Stack;
use crate::soak::record::Entry;
use crate::soak::worker::Failure;

/// The pause before a request is repeated that failed without an answer that counts.
const RETRY: Duration = Duration::from_millis(300);

/// The requests under way.
pub(super) struct ByHttp {
    stack: Arc<Stack>,
    answers: JoinSet<Outcome>,
}

/// The answer to a message or a change.
#[derive(Debug)]
pub(super) struct Outcome {
    said: Said,
    key: String,
    asked_ms: u64,
    answer: Result<Value, Failure>,
}

impl ByHttp {
    pub(super) fn new(stack: Arc<Stack>) -> Self {
        Self { stack, answers: JoinSet::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Sends a message, until there is an answer that counts.
    fn send(&mut self, token: String, said: Said, key: String, base: Option<u64>, asked_ms: u64) {
        let stack = Arc::clone(&self.stack);
        let mut fields = json!({"channel": said.channel, "event": said.event, "key": key, "data": said.data});
        if let Some(base) = base {
            fields["base"] = base.into();
        }
        self.answers.spawn(async move {
            loop {
                let request = stack.ask(Method::POST, "messages").body(&fields.to_string());
                if let Some(answer) = counts(request.token(&token).send_unchecked().await) {
                    return Outcome { said, key, asked_ms, answer };
                }
                sleep(RETRY).await;
            }
        });
    }

    /// The next outcome. Can be cancelled while it waits.
    pub(super) async fn outcome(&mut self) -> Outcome {
        loop {
            match self.answers.join_next().await {
                Some(Ok(outcome)) => return outcome,
                Some(Err(_)) => {}
                None => std::future::pending().await,
            }
        }
    }
}

/// The answer, if it is the function's and another try would not change it.
fn counts(answer: anyhow::Result<(u16, Value)>) -> Option<Result<Value, Failure>> {
    let (status, body) = answer.ok()?;
    let text = |field: &str| body["error"][field].as_str().unwrap_or_default().to_owned();
    match status {
        200 => Some(Ok(body)),
        429 | 500.. => None,
        _ if body["error"].is_null() => None,
        _ => Some(Err(Failure { code: text("code"), message: text("message") })),
    }
}

impl App {
    /// Sends by HTTP, whatever the client does. Returns whether there was a token for it.
    pub(super) fn say_by_http(&mut self, by: &mut ByHttp, said: Said) -> bool {
        let Some(token) = self.settings.token(true) else { return false };
        let key = format!("{}-http-{}", self.settings.device, self.sent.len());
        self.goes_out(&said, &key);
        let base = self.channels.get(&said.channel).and_then(|one| one.last);
        by.send(token.text, said, key, base, self.settings.clock.ms(Instant::now()));
        true
    }

    pub(super) fn sent_by_http(&mut self, Outcome { said, key, asked_ms, answer }: Outcome) {
        let at_ms = self.settings.clock.ms(Instant::now());
        match answer {
            Ok(sent) => drop(self.acked(&said.channel, Some(&key), &sent, at_ms)),
            Err(failure) if self.may_be_restricted(&failure) => {
                let (what, code) = (said.channel, failure.code);
                self.entries.push(Entry::TurnedAway { what, code, asked_ms, at_ms });
            }
            Err(failure) if self.may_be_out(&said.channel, &failure) => {}
            Err(failure) if said.may_be_refused(&failure) => {
                self.entries.push(Entry::Refused { channel: said.channel, key, code: failure.code });
            }
            Err(Failure { code, message }) => {
                self.unexpected(format!("{key} was refused by HTTP: {code}: {message}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_counts_where_another_try_would_not_change_it() {
        let of = |status, body: Value| counts(Ok((status, body)));
        assert_eq!(of(200, json!({"seq": 1})), Some(Ok(json!({"seq": 1}))));
        let failure = Failure { code: "forbidden".to_owned(), message: "no".to_owned() };
        let refused = json!({"error": {"code": "forbidden", "message": "no"}});
        assert_eq!(of(403, refused.clone()), Some(Err(failure)));
        assert_eq!(of(429, refused), None);
        assert_eq!(of(503, json!({"message": "Service Unavailable"})), None);
        assert_eq!(counts(Err(anyhow::anyhow!("no answer"))), None);
    }
}
