//! The app's backend as it admits and removes users: it sets the participants of conversations, by HTTP and by the bus, and kicks
//! users, who may join again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use http::Method;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::Phase;
use super::issuer::Issuer;
use super::part::Part;
use super::plan::Plan;
use super::record::{Act, Change};
use super::settings::Clock;
use super::world::{Conversation, World, has_presence};
use crate::{Stack, time_from_now};

/// The longest pause between two acts.
const PAUSE_MS_MAX: u64 = 1_500;
/// How long an accepted change may take: the retries of the bus and of its target, and a restart of the stack.
const KNOWN_MAX: Duration = Duration::from_secs(15);
/// The pause between two checks whether a change is in force.
const LOOK: Duration = Duration::from_millis(100);
/// The lifetime of a backend's token.
const TOKEN_SECONDS: u64 = 3_600;
/// The share of changes that are made by HTTP; the others go by the bus.
const BY_HTTP: f64 = 0.6;

/// The backend in this role.
pub(super) struct Manager {
    stack: Arc<Stack>,
    world: Arc<World>,
    issuer: Arc<Issuer>,
    clock: Clock,
    random: StdRng,
    acts: Vec<Act>,
}

impl Manager {
    pub(super) fn new(stack: Arc<Stack>, world: Arc<World>, issuer: Arc<Issuer>, random: StdRng) -> Self {
        Self { stack, world, issuer, clock: Clock::new(Instant::now()), random, acts: Vec::new() }
    }

    /// Acts until the storm is over, then sets the participants of each conversation once more, so that they are known.
    pub(super) async fn run(
        mut self,
        plan: Arc<Plan>,
        mut phase: watch::Receiver<Phase>,
    ) -> Result<Vec<Act>> {
        let lounges: Vec<Conversation> =
            self.world.conversations.iter().filter(|talk| !talk.pool.is_empty()).cloned().collect();
        while *phase.borrow_and_update() == Phase::Storm {
            let pause = Duration::from_millis(self.random.random_range(0..PAUSE_MS_MAX));
            tokio::select! {
                () = sleep(pause) => {}
                changed = phase.changed() => { changed?; continue; }
            }
            match (self.random.random_bool(0.5), plan.has(Part::Participants), plan.has(Part::Kicks)) {
                (true, true, _) => {
                    let lounge = &lounges[self.random.random_range(0..lounges.len())];
                    self.change(lounge).await?;
                }
                (_, _, true) => self.kick().await,
                _ => {}
            }
        }
        if plan.has(Part::Participants) {
            for lounge in &lounges {
                let users = self.some_of(&lounge.pool);
                while !self.set_by_http(lounge, users.clone()).await? && *phase.borrow() != Phase::Over {
                    sleep(LOOK).await;
                }
            }
        }
        Ok(self.acts)
    }

    async fn change(&mut self, lounge: &Conversation) -> Result<()> {
        let users = self.some_of(&lounge.pool);
        if self.random.random_bool(BY_HTTP) {
            return self.set_by_http(lounge, users).await.map(drop);
        }
        // Two changes in one call, in either order: the newer one must win.
        let detail = |users: &BTreeSet<String>, timestamp: String| {
            json!({"conversationId": lounge.id, "companyId": lounge.company, "participants": users,
                "timestamp": timestamp})
        };
        let older = self.some_of(&lounge.pool);
        let (before, now) = (time_from_now(-1), time_from_now(0)); // one millisecond apart, so never equal
        let mut details = vec![detail(&users, now), detail(&older, before)];
        if self.random.random() {
            details.reverse();
        }
        let asked_ms = self.now_ms();
        let backend = self.stack.backend().await?;
        let is_accepted = backend.emit_all("Conversation", &details, Duration::ZERO).await.is_ok();
        let is_known = async {
            while self.participants(lounge).await.as_ref() != Some(&users) {
                sleep(LOOK).await;
            }
        };
        let known = timeout(KNOWN_MAX, is_known).await;
        let known_ms = known.is_ok().then(|| self.now_ms());
        // The older change may be in force for a moment, or never.
        let change = Change::Participants { channel: lounge.channel(), users: older };
        self.acts.push(Act { asked_ms, known_ms: None, enforced_ms: None, is_accepted: false, change });
        let change = Change::Participants { channel: lounge.channel(), users };
        self.acts.push(Act { asked_ms, known_ms, enforced_ms: None, is_accepted, change });
        Ok(())
    }

    /// Sets the participants. Returns whether a reply confirmed it.
    async fn set_by_http(&mut self, lounge: &Conversation, users: BTreeSet<String>) -> Result<bool> {
        let timestamp = time_from_now(0);
        let body = json!({"companyId": lounge.company, "participants": users, "timestamp": timestamp});
        let asked_ms = self.now_ms();
        let request = self.about(Method::PUT, lounge)?.body(&body.to_string());
        let is_done = matches!(request.send_unchecked().await, Ok((200, _)));
        let done_ms = is_done.then(|| self.now_ms());
        let change = Change::Participants { channel: lounge.channel(), users };
        self.acts.push(Act {
            asked_ms,
            known_ms: done_ms,
            enforced_ms: done_ms,
            is_accepted: is_done,
            change,
        });
        Ok(is_done)
    }

    async fn participants(&self, lounge: &Conversation) -> Option<BTreeSet<String>> {
        let (status, body) = self.about(Method::GET, lounge).ok()?.send_unchecked().await.ok()?;
        let participants = body["participants"].as_array().filter(|_| status == 200)?;
        participants.iter().map(|user| user.as_str().map(str::to_owned)).collect()
    }

    fn about(&self, method: Method, lounge: &Conversation) -> Result<crate::HttpRequest> {
        let token = self.issuer.backend(&lounge.company, TOKEN_SECONDS)?;
        Ok(self.stack.ask_api(method, &format!("conversations/{}", lounge.id)).token(&token.text))
    }

    async fn kick(&mut self) {
        let people: Vec<_> = self.world.people.iter().filter(|person| !person.is_crowd).collect();
        let person = people[self.random.random_range(0..people.len())];
        let mut channels = self.world.channels_of(person);
        channels.retain(|channel| has_presence(channel));
        let channel = channels.swap_remove(self.random.random_range(0..channels.len()));
        let user = person.id.clone();
        let detail = json!({"channel": channel, "userId": user, "reason": "for a moment"});
        let asked_ms = self.now_ms();
        let is_accepted = self.stack.emit("Kick", detail).await.is_ok();
        let change = Change::Kick { channel, user };
        self.acts.push(Act { asked_ms, known_ms: None, enforced_ms: None, is_accepted, change });
    }

    fn some_of(&mut self, pool: &BTreeSet<String>) -> BTreeSet<String> {
        pool.iter().filter(|_| self.random.random_bool(0.6)).cloned().collect()
    }

    fn now_ms(&self) -> u64 {
        self.clock.ms(Instant::now())
    }
}

/// Creates a conversation before the run, and waits until it can be joined.
pub(super) async fn open(stack: &Stack, talk: &Conversation) -> Result<()> {
    let participants: Vec<&str> = talk.participants.iter().map(String::as_str).collect();
    let opened = stack.conversation_called(&talk.id, &talk.company, &participants).await;
    opened.map(drop).with_context(|| format!("{}: {}", talk.id, json!(participants) as Value))
}
