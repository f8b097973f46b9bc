//! A device: a user's client on a real socket. It connects and connects again, does at random what users do while the
//! storm lasts, then sees to it that all of its own is settled. Some of its requests it makes by HTTP instead.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, interval, sleep_until};

use super::Phase;
use super::by_http::ByHttp;
use super::operations::Operation;
use super::part::Part;
use super::plan::Plan;
use super::record::{DeviceRecord, Entry, Standing};
use super::session::Session;
use super::world::World;
use crate::{Client, Outcome, Stack};

/// How often a client looks at the clock.
const TICK: Duration = Duration::from_millis(20);
/// The pause between two things that a user does, at the most.
const PAUSE_MS_MAX: u64 = 450;
/// How long a user stays away after closing the connection, at the most.
const AWAY_MS_MAX: u64 = 1_500;
/// Between two looks at who is there, and at what the server knows.
const LOOK: Duration = Duration::from_secs(3);
/// The same for those of the crowd, who are many.
const LOOK_OF_THE_CROWD: Duration = Duration::from_secs(6);
/// The longest pause before the first try to connect again; doubled each time.
const BACK_OFF_MS: u64 = 100;
/// And never longer.
const BACK_OFF_MS_MAX: u64 = 2_000;
/// The share of connections whose tokens are renewed, of those whose tokens end soon.
const RENEWED: f64 = 0.7;
/// The largest message that API Gateway delivers.
const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// What a device needs, and where it tells how it stands.
pub(super) struct Surroundings {
    pub(super) stack: Arc<Stack>,
    pub(super) world: Arc<World>,
    pub(super) plan: Arc<Plan>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) standing: Arc<Mutex<Standing>>,
    /// Whether it is to vanish for good.
    pub(super) vanishes: watch::Receiver<bool>,
}

/// A device in use.
struct Running {
    session: Session,
    by_http: ByHttp,
    client: Option<Client>,
    is_crowd: bool,
    /// When to connect again, where it is not connected.
    connect_at: Instant,
    /// Tries to connect that have failed since the last that did not.
    failures: u32,
    /// When the user does something next.
    busy_at: Instant,
    /// When it looks around next.
    look_at: Instant,
    random: StdRng,
    operations: BTreeMap<&'static str, u64>,
}

/// Runs a device until the run is over.
pub(super) async fn run(session: Session, random: StdRng, mut around: Surroundings) -> DeviceRecord {
    let now = Instant::now();
    let mut running = Running {
        is_crowd: session.settings().person.is_crowd,
        by_http: ByHttp::new(Arc::clone(&around.stack), around.plan.has(Part::Http)),
        session,
        client: None,
        connect_at: now,
        failures: 0,
        busy_at: now,
        look_at: now,
        random,
        operations: BTreeMap::new(),
    };
    let mut ticks = interval(TICK);
    loop {
        let phase = *around.phase.borrow_and_update();
        if phase == Phase::Over {
            break;
        }
        if *around.vanishes.borrow_and_update() {
            running.vanish(&mut around).await;
            break;
        }
        tokio::select! {
            frame = next_frame(&mut running.client) => running.received(frame),
            answer = running.by_http.answer() => running.session.frame(&answer, Instant::now()),
            () = sleep_until(running.connect_at), if running.client.is_none() => running.connect(&around.stack, phase).await,
            () = sleep_until(running.busy_at), if phase == Phase::Storm && !running.is_crowd => {
                running.act(&around).await;
            }
            () = sleep_until(running.look_at), if phase.is_quiet() => running.look_around(),
            _ = ticks.tick() => running.session.tick(Instant::now()),
            changed = around.phase.changed() => if changed.is_ok() {
                running.phase_changed(*around.phase.borrow());
            },
            _ = around.vanishes.changed() => {} // looked at above
        }
        if phase.is_quiet() || running.random.random_bool(RENEWED) {
            running.session.renew_grants(Instant::now());
        }
        running.settle_socket().await;
        *lock(&around.standing) = running.standing();
    }
    let standing = lock(&around.standing).clone();
    let Running { session, operations, .. } = running;
    let (device, user) = (session.settings().device.clone(), session.settings().person.id.clone());
    DeviceRecord { device, user, entries: session.entries, tape: session.tape, standing, operations }
}

impl Running {
    async fn connect(&mut self, stack: &Stack, phase: Phase) {
        let asked = Instant::now();
        let Some(token) = self.session.settings().token() else { return self.failed() };
        match stack.handshake().token(&token.text).send().await {
            Ok(Outcome::Connected(client, _)) => {
                self.client = Some(client);
                self.failures = 0;
                let renews = phase != Phase::Storm || self.random.random_bool(RENEWED);
                self.by_http.token = token.text;
                self.session.connected(token.until_ms, renews, Instant::now());
            }
            // A token that is good is refused: nothing that a fault explains.
            Ok(Outcome::Refused(status @ (401 | 403))) => {
                let clock = &self.session.settings().clock;
                let (asked_ms, at_ms) = (clock.ms(asked), clock.ms(Instant::now()));
                let (what, code) = ("connection".to_owned(), status.to_string());
                self.session.entries.push(Entry::TurnedAway { what, code, asked_ms, at_ms });
                self.failed();
            }
            Ok(Outcome::Refused(_) | Outcome::NoSubprotocol) | Err(_) => self.failed(),
        }
    }

    fn failed(&mut self) {
        self.failures += 1;
        let longest = (BACK_OFF_MS << self.failures.min(8)).min(BACK_OFF_MS_MAX);
        self.stay_away(longest);
    }

    fn received(&mut self, frame: Result<Option<Value>>) {
        let bytes = self.client.as_mut().map_or(0, Client::take_largest_frame);
        if bytes > MESSAGE_BYTES_MAX {
            let what = frame
                .as_ref()
                .ok()
                .and_then(Option::as_ref)
                .map_or_else(String::new, |frame| frame.to_string().chars().take(200).collect());
            self.session.entries.push(Entry::Oversized { what, bytes });
        }
        match frame {
            Ok(Some(frame)) => self.session.frame(&frame, Instant::now()),
            Ok(None) => self.lost(BACK_OFF_MS),
            Err(error) => {
                self.session.entries.push(Entry::Unexpected(format!("{error:#}")));
                self.lost(BACK_OFF_MS);
            }
        }
    }

    fn phase_changed(&mut self, phase: Phase) {
        let now = Instant::now();
        if phase.is_quiet() {
            self.session.settle_down();
        }
        if phase == Phase::RollCall && !self.is_crowd {
            self.session.answer_roll_call(now);
        }
    }

    /// One thing that a user does; then a pause.
    async fn act(&mut self, around: &Surroundings) {
        let now = Instant::now();
        self.busy_at = now + Duration::from_millis(self.random.random_range(0..PAUSE_MS_MAX));
        let operation = Operation::draw(&mut self.random);
        let is_left_out = operation.part().is_some_and(|part| !around.plan.has(part));
        let needs_no_connection = matches!(operation, Operation::Say | Operation::Join);
        if is_left_out || !self.session.is_free(now) || (self.client.is_none() && !needs_no_connection) {
            return;
        }
        let user = self.session.settings().person.id.clone();
        if operation.perform(&mut self.session, &user, &around.world, &mut self.random, now) {
            *self.operations.entry(operation.name()).or_default() += 1;
        }
        if matches!(operation, Operation::Close | Operation::Cut) {
            self.hang_up(operation).await;
            let away = self.random.random_range(0..AWAY_MS_MAX);
            self.connect_at = Instant::now() + Duration::from_millis(away);
        }
    }

    fn look_around(&mut self) {
        let now = Instant::now();
        self.look_at = now + if self.is_crowd { LOOK_OF_THE_CROWD } else { LOOK };
        if self.client.is_some() {
            self.session.look_around(now);
            self.session.ask_status(now);
        }
    }

    async fn hang_up(&mut self, how: Operation) {
        let Some(client) = self.client.take() else { return };
        self.by_http.forget();
        self.session.disconnected(Instant::now());
        match how {
            // That the server does not answer the close is what it does when it is cut at the same moment.
            Operation::Close => drop(client.close().await),
            _ => client.cut(),
        }
    }

    /// It is switched off, or out of reach, or asleep: then its socket is open, and nobody listens to what comes.
    async fn vanish(&mut self, around: &mut Surroundings) {
        *lock(&around.standing) = Standing { has_vanished: true, ..Standing::default() };
        match self.random.random_range(0..3) {
            0 => self.hang_up(Operation::Close).await,
            1 => self.hang_up(Operation::Cut).await,
            _ => {}
        }
        while *around.phase.borrow_and_update() != Phase::Over && around.phase.changed().await.is_ok() {}
    }

    /// Sends what the session has to send, and gives up a connection that it has no more use for.
    async fn settle_socket(&mut self) {
        if self.session.is_spent() {
            self.hang_up(Operation::Close).await;
            self.stay_away(BACK_OFF_MS);
        }
        let Some(client) = &mut self.client else { return };
        for frame in self.session.outgoing() {
            let connection = self.session.connection_id.clone();
            let (who, is_known) = (self.session.settings(), connection.is_some());
            if self.by_http.takes(&frame, who, is_known, &mut self.random) {
                self.by_http.send(frame, &connection.unwrap_or_default());
                continue;
            }
            self.session.goes_out(&frame, Instant::now());
            if client.text(&frame.to_string()).await.is_err() {
                return self.lost(BACK_OFF_MS);
            }
        }
    }

    fn standing(&self) -> Standing {
        self.session.standing()
    }

    fn lost(&mut self, away_ms_max: u64) {
        self.client = None;
        self.by_http.forget();
        self.session.disconnected(Instant::now());
        self.stay_away(away_ms_max);
    }

    fn stay_away(&mut self, ms_max: u64) {
        self.connect_at = Instant::now() + Duration::from_millis(self.random.random_range(0..=ms_max));
    }
}

async fn next_frame(client: &mut Option<Client>) -> Result<Option<Value>> {
    match client {
        Some(client) => client.frame().await,
        None => std::future::pending().await,
    }
}

fn lock(standing: &Mutex<Standing>) -> std::sync::MutexGuard<'_, Standing> {
    standing.lock().unwrap_or_else(PoisonError::into_inner)
}
