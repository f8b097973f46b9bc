//! Faults on demand: what AWS does to a stack on a bad day, made often enough for a test to see it.
//!
//! All are off until options of `up` or `PUT /_local/faults` switch them on, and a `DELETE` there makes it quiet
//! again. Each [`FaultKind`] has a rate, and a stream of random numbers of its own, all from one seed: a kind that is
//! switched on or off, or asked more often, changes nothing for the others. So one seed gives one sequence of
//! decisions a kind; which call meets which decision is up to the timing of real processes.
//!
//! This only decides and counts. What a decision means is where the thing happens: posts and database calls in `front`,
//! connections in `websocket`, invocations in `lambda`. There are no faults of order: what is delayed is overtaken by
//! what is not. Records of one item key keep their order, as a stream promises, and so are only late.
//!
//! Never faulted: what is not a function's own call (told by the access key of its signature), and `/_local`.

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

/// Decides what goes wrong. Cheap to clone; all clones decide and count together.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    generator: Arc<Mutex<Generator>>,
}

impl Faults {
    /// Faults as `settings` say. Without a seed there, one is drawn.
    pub(crate) fn new(settings: FaultSettings) -> Self {
        let generator = Generator::new(settings);
        announce(&generator);
        Self { generator: Arc::new(Mutex::new(generator)) }
    }

    /// From now on as `settings` say, in whole: a kind that is not in them is off. A seed there starts all streams
    /// anew; without one they go on where they are. The counts go on in any case.
    pub(crate) fn set(&self, settings: FaultSettings) {
        let mut generator = self.lock();
        generator.set(settings);
        announce(&generator);
    }

    /// The seed, every rate, and how many faults of each kind there were since the start: `GET /_local/faults`.
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

    /// Whether this time a fault of `kind` happens, with the probability of its rate. It is counted, so the caller
    /// makes it happen.
    pub(crate) fn strikes(&self, kind: FaultKind) -> bool {
        self.lock().strikes(kind)
    }

    /// When what is to be delivered once, and now, is delivered.
    pub(crate) fn deliveries(&self) -> Deliveries {
        let mut generator = self.lock();
        let again = generator.strikes(FaultKind::Duplicated);
        Deliveries { first: generator.delay(), again: again.then(|| generator.delay()) }
    }

    /// Whether this invocation's process is killed, and when: after this part, from 0 to 1, of the usual duration.
    pub(crate) fn kill_after(&self) -> Option<f64> {
        self.lock().kill_after()
    }

    fn lock(&self) -> MutexGuard<'_, Generator> {
        self.generator.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The delays of one delivery; as a rule none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Deliveries {
    pub(crate) first: Duration,
    /// Where it is delivered a second time.
    pub(crate) again: Option<Duration>,
}

/// Says what is on: with the seed, a run can be had again.
fn announce(generator: &Generator) {
    let on = generator.settings().rates.iter().filter(|(_, rate)| !rate.is_zero());
    let on: BTreeMap<_, _> = on.collect();
    if !on.is_empty() {
        let delay_ms_max = generator.settings().delay_ms_max;
        tracing::warn!(seed = generator.seed(), %delay_ms_max, rates = %json!(on), "faults are on");
    }
}
