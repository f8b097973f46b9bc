//! A device: a user's app, whose client of the shipped package runs in a worker of Node. During the storm it performs random
//! operations; after it, it finishes what it has begun.
//!
//! - `acting`: the operations of the user; `app`, `connection` and `messages`: what they mean for the client
//! - `reports`: the worker's reports; `calls`: the client's promises; `dialling`: the calls of users; `channel`: a channel as the
//!   app sees it; `standing`: the state of all that
//! - `socket`, `membership` and `answers`: the frames on the client's sockets. They show what the server promised and did, for
//!   which the client is not relied on
//! - `by_http`: messages that a user sends without a client

mod acting;
mod answers;
mod app;
mod by_http;
mod calls;
mod channel;
mod connection;
mod dialling;
mod membership;
mod messages;
mod reports;
mod socket;
mod standing;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::RngExt as _;
use rand::rngs::StdRng;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{Instant, interval, sleep_until};

use self::by_http::ByHttp;
use super::Phase;
use super::part::Part;
use super::plan::Plan;
use super::record::{DeviceRecord, Standing};
use super::settings::Settings;
use super::worker::Line;
use super::world::World;
use crate::Stack;

pub(super) use self::app::App;
pub(super) use self::dialling::Calling;

/// How often an app checks what is due.
const TICK: Duration = Duration::from_millis(50);
/// The pause between two requests for the rosters, and for the channels that the server knows.
const LOOK: Duration = Duration::from_secs(3);
/// The same for devices that only listen, which are many.
const LOOK_OF_THE_CROWD: Duration = Duration::from_secs(6);
/// The share of tokens that are renewed, of those that would expire on their connection.
const RENEWED: f64 = 0.7;

/// What a device needs from the run, and where it reports its state.
pub(super) struct Surroundings {
    pub(super) stack: Arc<Stack>,
    pub(super) world: Arc<World>,
    pub(super) plan: Arc<Plan>,
    pub(super) phase: watch::Receiver<Phase>,
    pub(super) standing: Arc<Mutex<Standing>>,
    /// Whether the device must vanish for good.
    pub(super) vanishes: watch::Receiver<bool>,
}

/// A device in use.
struct Device {
    app: App,
    by_http: ByHttp,
    is_crowd: bool,
    /// When to connect again after the app has closed the client.
    connect_at: Instant,
    /// When the user performs the next operation.
    busy_at: Instant,
    /// When to ask for the rosters next.
    look_at: Instant,
    random: StdRng,
    operations: BTreeMap<&'static str, u64>,
}

/// Runs a device until the run is over.
pub(super) async fn run(
    settings: Settings,
    line: Line,
    random: StdRng,
    mut around: Surroundings,
) -> DeviceRecord {
    let now = Instant::now();
    let mut device = Device {
        is_crowd: settings.person.is_crowd,
        app: App::new(settings, Arc::clone(&around.world), line),
        by_http: ByHttp::new(Arc::clone(&around.stack)),
        connect_at: now,
        busy_at: now,
        look_at: now,
        random,
        operations: BTreeMap::new(),
    };
    let addresses = &around.stack.addresses;
    let http = around.plan.has(Part::Http).then_some(addresses.http.as_str());
    device.app.start(&addresses.websocket, http);
    let mut ticks = interval(TICK);
    let mut known = Phase::Gathering;
    loop {
        let phase = *around.phase.borrow_and_update();
        if phase == Phase::Over {
            break;
        }
        if *around.vanishes.borrow_and_update() && !device.app.has_vanished {
            device.vanish();
        }
        let is_there = !device.app.has_vanished;
        if phase != known && is_there {
            device.phase_changed(phase);
        }
        known = phase;
        tokio::select! {
            report = device.app.line.report() => {
                let Some(report) = report else {
                    device.app.unexpected("the worker has ended".to_owned());
                    break;
                };
                device.app.take(report);
            }
            outcome = device.by_http.outcome() => device.app.sent_by_http(outcome),
            () = sleep_until(device.connect_at), if device.app.is_closed && is_there => device.app.connect(),
            () = sleep_until(device.busy_at), if phase == Phase::Storm && !device.is_crowd && is_there => {
                device.act(&around);
            }
            () = sleep_until(device.look_at), if phase.is_quiet() && is_there => device.look_around(),
            _ = ticks.tick(), if is_there => device.tick(),
            // Both are read at the top of the loop.
            _ = around.phase.changed() => {}
            _ = around.vanishes.changed() => {}
        }
        *lock(&around.standing) = device.standing();
    }
    device.record()
}

impl Device {
    fn phase_changed(&mut self, phase: Phase) {
        let app = &mut self.app;
        if phase == Phase::Quiet {
            app.is_quiet = true;
            app.hang_up();
            // Replaces at once the tokens and grants that would expire within the run.
            if !app.is_closed && (app.settings.short_tokens.is_some() || !app.settings.by_grant.is_empty()) {
                app.reconnect();
            }
        }
        if phase == Phase::RollCall && !self.is_crowd {
            for channel in app.joined().into_iter().filter(|channel| channel.starts_with("conversation:")) {
                app.say(&channel, "here", None, false);
            }
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        self.app.tick(now);
        // A client that rotates gets a fresh token with each socket.
        if self.app.settings.short_tokens.is_some()
            && !self.app.settings.rotates
            && self.app.is_renewal_due(now)
        {
            let renews = self.app.is_quiet || self.random.random_bool(RENEWED);
            self.app.renew_token(renews);
        }
    }

    fn look_around(&mut self) {
        self.look_at = Instant::now() + if self.is_crowd { LOOK_OF_THE_CROWD } else { LOOK };
        if self.app.is_up() {
            self.app.look_around();
            self.app.ask_status();
        }
    }

    /// Vanishes in one of three ways: the client is closed, its socket is cut, or the socket stays open but nobody reads it.
    fn vanish(&mut self) {
        match self.random.random_range(0..3) {
            0 => {}
            1 => self.app.harm("cut", json!({})),
            _ => self.app.harm("silence", json!({})),
        }
        self.app.close(false);
        self.app.has_vanished = true;
    }

    fn standing(&self) -> Standing {
        let standing = self.app.standing();
        Standing { is_settled: standing.is_settled && self.by_http.is_empty(), ..standing }
    }

    fn record(self) -> DeviceRecord {
        let standing = self.standing();
        let App { settings, entries, sockets, .. } = self.app;
        DeviceRecord {
            device: settings.device,
            user: settings.person.id,
            entries,
            tapes: sockets.into_values().map(|socket| socket.tape).filter(|tape| !tape.is_empty()).collect(),
            standing,
            operations: self.operations,
        }
    }
}

fn lock(standing: &Mutex<Standing>) -> std::sync::MutexGuard<'_, Standing> {
    standing.lock().unwrap_or_else(PoisonError::into_inner)
}
