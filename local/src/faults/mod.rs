//! Faults on demand: the failures that AWS documents, made often enough for a test to meet them.
//!
//! All faults are off until options of `up` or `PUT /_local/faults` turn them on; `DELETE /_local/faults` turns them off.
//! Each [`FaultKind`] has a rate and its own stream of random numbers, and all streams come from one seed, so that turning
//! a kind on or off does not change the decisions of the others. One seed gives one sequence of decisions per kind; which
//! call meets which decision depends on the timing of real processes.
//!
//! This module decides and counts. The faults are made where they happen: posts and database calls in `front`,
//! connections in `api_gateway::websocket`, invocations in `lambda`. There is no fault for order: deliveries without a
//! delay overtake those with one. Records of one item key keep their order, as in a stream, and are only late.
//!
//! Calls that are not a function's own (recognised by the access key) and requests to `/_local` are never affected.

mod generator;
mod settings;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use serde_json::{Value, json};

use generator::Generator;
pub(crate) use settings::{DelayMsMax, FaultKind, FaultSettings, Rate};

/// Decides which faults happen. Cheap to clone; all clones share their decisions and counts.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    generator: Arc<Mutex<Generator>>,
}

impl Faults {
    /// Faults with these settings. Without a seed, a random one is used.
    pub(crate) fn new(settings: FaultSettings) -> Self {
        let generator = Generator::new(settings);
        announce(&generator);
        Self { generator: Arc::new(Mutex::new(generator)) }
    }

    /// Replaces the settings: a kind that is absent is off. A seed restarts all streams; without one they continue. The
    /// counts are kept.
    pub(crate) fn set(&self, settings: FaultSettings) {
        let mut generator = self.lock();
        generator.set(settings);
        announce(&generator);
    }

    /// The seed, every rate, and the number of faults of each kind since the start, as `GET /_local/faults` returns them.
    pub(crate) fn snapshot(&self) -> Value {
        let generator = self.lock();
        let rates: BTreeMap<_, _> = FaultKind::ALL.map(|kind| (kind, generator.settings().rate(kind))).into();
        let injected: BTreeMap<_, _> = FaultKind::ALL.map(|kind| (kind, generator.injected(kind))).into();
        json!({
            "seed": generator.seed(),
            "delay_ms_max": generator.settings().delay_ms_max,
            "rates": rates,
            "injected": injected,
        })
    }

    /// Whether a fault of `kind` happens this time, with the probability of its rate. It is counted, so that the caller
    /// must make it happen.
    pub(crate) fn strikes(&self, kind: FaultKind) -> bool {
        self.lock().strikes(kind)
    }

    /// The delays of a delivery that would otherwise happen once and at once.
    pub(crate) fn deliveries(&self) -> Deliveries {
        let mut generator = self.lock();
        let again = generator.strikes(FaultKind::Duplicated);
        Deliveries { first: generator.delay(), again: again.then(|| generator.delay()) }
    }

    /// Whether the process of this invocation is killed, and when: after this fraction of the usual duration.
    pub(crate) fn kill_after(&self) -> Option<f64> {
        self.lock().kill_after()
    }

    fn lock(&self) -> MutexGuard<'_, Generator> {
        self.generator.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The delays of one delivery, which are zero without faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deliveries {
    pub(crate) first: Duration,
    /// The delay of the second delivery, if it is duplicated.
    pub(crate) again: Option<Duration>,
}

/// Logs the faults that are on, with the seed, by which the run can be repeated.
fn announce(generator: &Generator) {
    let on = generator.settings().rates.iter().filter(|(_, rate)| !rate.is_zero());
    let on: BTreeMap<_, _> = on.collect();
    if !on.is_empty() {
        let delay_ms_max = generator.settings().delay_ms_max;
        tracing::warn!(seed = generator.seed(), %delay_ms_max, rates = %json!(on), "faults are on");
    }
}
