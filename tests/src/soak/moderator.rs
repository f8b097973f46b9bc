//! The app's backend as a moderator: it mutes and bans users for a while, in a conversation or in a whole company, by the team's
//! route, by publishing, and by the bus. In the end it lifts every restriction.

use std::collections::BTreeMap;
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
use super::record::{Act, Change, Restriction};
use super::settings::Clock;
use super::world::World;
use crate::{HttpRequest, Stack, time_from_now};

/// The longest pause between two acts.
const PAUSE_MS_MAX: u64 = 1_500;
/// How long a restriction lasts before it is lifted.
const STANDS_MS: std::ops::Range<u64> = 800..6_000;
/// How many users are restricted at once: few, so that enough others send.
const RESTRICTED_MAX: usize = 2;
/// The share of restrictions that apply to a whole company, and the share of bans.
const IN_A_COMPANY: f64 = 0.25;
const BANS: f64 = 0.5;
/// How long an accepted change may take: the retries of the bus and of its target, and a restart of the stack.
const KNOWN_MAX: Duration = Duration::from_secs(15);
/// The pause between two checks whether a change is in force.
const LOOK: Duration = Duration::from_millis(100);
/// The lifetime of a backend's token.
const TOKEN_SECONDS: u64 = 3_600;

/// What a restriction applies to: the channel of the conversation or the company, and the user.
type Place = (String, String);

/// How a restriction is requested.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// By the route for the team and the company's backend.
    Team,
    /// As an event that is published by HTTP.
    Publish,
    /// By the bus, which reports to nobody when the event has been handled.
    Bus,
}

const WAYS: [Way; 4] = [Way::Team, Way::Team, Way::Publish, Way::Bus];

/// The backend in this role.
pub(super) struct Moderator {
    stack: Arc<Stack>,
    world: Arc<World>,
    issuer: Arc<Issuer>,
    clock: Clock,
    random: StdRng,
    /// Restrictions that may be in force, and when each is to be lifted.
    standing: BTreeMap<Place, Instant>,
    acts: Vec<Act>,
}

impl Moderator {
    pub(super) fn new(stack: Arc<Stack>, world: Arc<World>, issuer: Arc<Issuer>, random: StdRng) -> Self {
        let clock = Clock::new(Instant::now());
        Self { stack, world, issuer, clock, random, standing: BTreeMap::new(), acts: Vec::new() }
    }

    /// Acts until the storm is over, then lifts all restrictions.
    pub(super) async fn run(mut self, mut phase: watch::Receiver<Phase>) -> Result<Vec<Act>> {
        while *phase.borrow_and_update() == Phase::Storm {
            let pause = Duration::from_millis(self.random.random_range(0..PAUSE_MS_MAX));
            tokio::select! {
                () = sleep(pause) => {}
                changed = phase.changed() => { changed?; continue; }
            }
            let now = Instant::now();
            let due = self.standing.iter().find(|(_, until)| **until <= now).map(|(place, _)| place.clone());
            let way = WAYS[self.random.random_range(0..WAYS.len())];
            if let Some(place) = due {
                self.lift(place, way).await?;
            } else if self.standing.len() < RESTRICTED_MAX {
                self.restrict(way).await?;
            }
        }
        while let Some((place, _)) = self.standing.first_key_value()
            && *phase.borrow() != Phase::Over
        {
            self.lift(place.clone(), Way::Team).await?;
        }
        Ok(self.acts)
    }

    /// Restricts a user who is in no team, in one of their conversations or in its company.
    async fn restrict(&mut self, way: Way) -> Result<()> {
        let people: Vec<_> =
            self.world.people.iter().filter(|person| !person.is_team && !person.is_crowd).collect();
        let person = people[self.random.random_range(0..people.len())];
        let mut channels = self.world.channels_of(person);
        channels.retain(|channel| channel.starts_with("conversation:"));
        let mut scope = channels.swap_remove(self.random.random_range(0..channels.len()));
        if self.random.random_bool(IN_A_COMPANY) {
            scope = format!("company:{}", self.company(&scope)?);
        }
        let place = (scope, person.id.clone());
        let stands = Duration::from_millis(self.random.random_range(STANDS_MS));
        let restriction = if self.random.random_bool(BANS) { Restriction::Ban } else { Restriction::Mute };
        self.standing.insert(place.clone(), Instant::now() + stands);
        self.ask(&place, restriction, way).await.map(drop)
    }

    async fn lift(&mut self, place: Place, way: Way) -> Result<()> {
        if self.ask(&place, Restriction::None, way).await? {
            self.standing.remove(&place);
        }
        Ok(())
    }

    /// Requests a restriction and records the act. Returns whether it is known to be in force.
    async fn ask(&mut self, place: &Place, restriction: Restriction, way: Way) -> Result<bool> {
        let (scope, user) = place;
        let mut detail = about(place);
        detail["restriction"] = json!(restriction);
        detail["reason"] = "for a while".into();
        detail["timestamp"] = time_from_now(0).into();
        let asked_ms = self.now_ms();
        let is_accepted = match way {
            Way::Team => {
                let request = self.by_team(Method::POST, scope, "moderation")?;
                matches!(request.body(&detail.to_string()).send_unchecked().await, Ok((200, _)))
            }
            Way::Publish => {
                let token = self.issuer.publisher(TOKEN_SECONDS)?;
                let events = json!({"events": [{"type": "Moderation", "detail": detail}]});
                let request = self.stack.ask_api(Method::POST, "publish").token(&token.text);
                let answer = request.body(&events.to_string()).send_unchecked().await;
                answer.is_ok_and(|(status, body)| status == 200 && body["results"][0]["error"].is_null())
            }
            Way::Bus => self.stack.emit("Moderation", detail).await.is_ok(),
        };
        let (known_ms, enforced_ms) = match way {
            Way::Bus => (self.seen(place, restriction).await, None),
            Way::Team | Way::Publish => {
                let done_ms = is_accepted.then(|| self.now_ms());
                (done_ms, done_ms)
            }
        };
        let change = Change::Restrict { scope: scope.clone(), user: user.clone(), restriction };
        self.acts.push(Act { asked_ms, is_accepted, known_ms, enforced_ms, change });
        Ok(known_ms.is_some())
    }

    /// Waits until the restriction is in force, and returns when that was seen; `None` after [`KNOWN_MAX`].
    async fn seen(&self, place: &Place, restriction: Restriction) -> Option<u64> {
        let is_so = async {
            while self.standing_of(place).await != Some(json!(restriction)) {
                sleep(LOOK).await;
            }
        };
        timeout(KNOWN_MAX, is_so).await.is_ok().then(|| self.now_ms())
    }

    async fn standing_of(&self, place: &Place) -> Option<Value> {
        let fields = about(place);
        let fields =
            fields.as_object()?.iter().filter_map(|(name, id)| Some(format!("{name}={}", id.as_str()?)));
        let path = format!("moderation?{}", fields.collect::<Vec<_>>().join("&"));
        let (status, body) = self.by_team(Method::GET, &place.0, &path).ok()?.send_unchecked().await.ok()?;
        (status == 200).then(|| body["restriction"].clone())
    }

    fn by_team(&self, method: Method, scope: &str, path: &str) -> Result<HttpRequest> {
        let token = self.issuer.backend(self.company(scope)?, TOKEN_SECONDS)?;
        Ok(self.stack.ask(method, path).token(&token.text))
    }

    fn company<'a>(&'a self, scope: &'a str) -> Result<&'a str> {
        scope.strip_prefix("company:").or_else(|| self.world.company_of(scope)).context("no company")
    }

    fn now_ms(&self) -> u64 {
        self.clock.ms(Instant::now())
    }
}

/// The fields that name the user and the conversation or company.
fn about((scope, user): &Place) -> Value {
    match scope.split_once(':') {
        Some(("company", id)) => json!({"userId": user, "companyId": id}),
        Some((_, id)) => json!({"userId": user, "conversationId": id}),
        None => Value::Null,
    }
}
