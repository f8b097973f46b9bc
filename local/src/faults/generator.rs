//! The random decisions: one stream of random numbers for each kind of fault, all from one seed.

use std::{collections::BTreeMap, time::Duration};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

use super::settings::{FaultKind, FaultSettings};

/// The average number of posts after which it is decided again whether posts are throttled.
const THROTTLING_POSTS_MEAN: f64 = 5.0;

/// Decides and counts.
#[derive(Debug)]
pub(super) struct Generator {
    seed: u64,
    settings: FaultSettings,
    /// Created when they are first used.
    streams: BTreeMap<FaultKind, StdRng>,
    throttling: Throttling,
    injected: BTreeMap<FaultKind, u64>,
}

/// Whether posts are throttled at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Throttling {
    Undecided,
    /// Posts are accepted.
    Calm,
    /// Posts are refused.
    Burst,
}

impl Generator {
    pub(super) fn new(settings: FaultSettings) -> Self {
        // 32 bits, which every JSON parser keeps exactly.
        let seed = settings.seed.unwrap_or_else(|| rand::random::<u32>().into());
        let (streams, injected) = (BTreeMap::new(), BTreeMap::new());
        Self { seed, settings, streams, throttling: Throttling::Undecided, injected }
    }

    /// Replaces the settings; a seed restarts all streams.
    pub(super) fn set(&mut self, settings: FaultSettings) {
        if let Some(seed) = settings.seed {
            self.seed = seed;
            self.streams.clear();
        }
        self.settings = settings;
        self.throttling = Throttling::Undecided;
    }

    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) const fn settings(&self) -> &FaultSettings {
        &self.settings
    }

    /// Faults of this kind since the start.
    pub(super) fn injected(&self, kind: FaultKind) -> u64 {
        self.injected.get(&kind).copied().unwrap_or_default()
    }

    /// Decides whether a fault happens, and counts it.
    pub(super) fn strikes(&mut self, kind: FaultKind) -> bool {
        let rate = self.settings.rate(kind);
        // A kind that is off takes no number, so that a period without faults does not change later decisions.
        if rate.is_zero() {
            return false;
        }
        let strikes = match kind {
            FaultKind::Throttled => self.throttles(rate.get()),
            _ => self.fraction(kind) < rate.get(),
        };
        if strikes {
            *self.injected.entry(kind).or_default() += 1;
        }
        strikes
    }

    /// The delay of a delivery.
    pub(super) fn delay(&mut self) -> Duration {
        if self.strikes(FaultKind::Delayed) {
            self.settings.delay_ms_max.get().mul_f64(self.fraction(FaultKind::Delayed))
        } else {
            Duration::ZERO
        }
    }

    /// The fraction of an invocation after which its process is killed, if it is.
    pub(super) fn kill_after(&mut self) -> Option<f64> {
        self.strikes(FaultKind::Killed).then(|| self.fraction(FaultKind::Killed))
    }

    /// A post is treated like the one before, unless it is decided again. So the rate is the long-term share of
    /// throttled posts, and they come in bursts.
    fn throttles(&mut self, rate: f64) -> bool {
        let anew = self.fraction(FaultKind::Throttled) < THROTTLING_POSTS_MEAN.recip();
        if anew || self.throttling == Throttling::Undecided {
            let burst = self.fraction(FaultKind::Throttled) < rate;
            self.throttling = if burst { Throttling::Burst } else { Throttling::Calm };
        }
        self.throttling == Throttling::Burst
    }

    /// The next number of a kind's stream, from 0 to less than 1.
    fn fraction(&mut self, kind: FaultKind) -> f64 {
        self.streams.entry(kind).or_insert_with(|| stream(self.seed, kind)).random()
    }
}

fn stream(seed: u64, kind: FaultKind) -> StdRng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    key[8] = kind as u8;
    StdRng::from_seed(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Rate;

    const DRAWS: usize = 10_000;

    fn settings(seed: u64, rates: &[(FaultKind, f64)]) -> FaultSettings {
        let rates = rates.iter().map(|&(kind, rate)| (kind, Rate::try_from(rate).unwrap()));
        FaultSettings { seed: Some(seed), rates: rates.collect(), ..FaultSettings::default() }
    }

    fn draw(generator: &mut Generator, kind: FaultKind) -> Vec<bool> {
        (0..DRAWS).map(|_| generator.strikes(kind)).collect()
    }

    #[test]
    fn a_seed_determines_the_decisions() {
        for kind in FaultKind::ALL {
            let decided = |seed| draw(&mut Generator::new(settings(seed, &[(kind, 0.5)])), kind);
            assert_eq!(decided(1), decided(1), "{kind:?}");
            assert_ne!(decided(1), decided(2), "{kind:?}");
        }
        let delays = |seed| {
            let mut generator =
                Generator::new(settings(seed, &[(FaultKind::Delayed, 0.5), (FaultKind::Killed, 0.5)]));
            (0..DRAWS).map(|_| (generator.delay(), generator.kill_after())).collect::<Vec<_>>()
        };
        assert_eq!(delays(1), delays(1));
        assert_ne!(delays(1), delays(2));
    }

    #[test]
    fn kinds_are_independent_of_each_other() {
        let alone = draw(&mut Generator::new(settings(1, &[(FaultKind::Gone, 0.3)])), FaultKind::Gone);
        let all: Vec<_> = FaultKind::ALL.map(|kind| (kind, 0.3)).into();
        let mut generator = Generator::new(settings(1, &all));
        let mut among_others = Vec::new();
        for _ in 0..DRAWS {
            for kind in FaultKind::ALL {
                let strikes = generator.strikes(kind);
                if kind == FaultKind::Gone {
                    among_others.push(strikes);
                }
            }
        }
        assert_eq!(among_others, alone);
        let other = draw(&mut Generator::new(settings(1, &[(FaultKind::Killed, 0.3)])), FaultKind::Killed);
        assert_ne!(other, alone, "each kind has numbers of its own");
    }

    #[test]
    fn rates_are_kept_and_counted() {
        for kind in FaultKind::ALL {
            for (rate, from, to) in [(0.0, 0, 0), (0.1, 800, 1_200), (0.5, 4_500, 5_500), (1.0, DRAWS, DRAWS)]
            {
                let mut generator = Generator::new(settings(1, &[(kind, rate)]));
                let struck = draw(&mut generator, kind).into_iter().filter(|struck| *struck).count();
                assert!((from..=to).contains(&struck), "{kind:?} at {rate}: {struck} of {DRAWS}");
                assert_eq!(generator.injected(kind), struck as u64);
            }
        }
    }

    #[test]
    fn throttling_comes_in_bursts() {
        let runs = |kind| {
            let decided = draw(&mut Generator::new(settings(1, &[(kind, 0.2)])), kind);
            let runs = decided.chunk_by(|a, b| a == b).filter(|run| run[0]).map(<[_]>::len);
            let runs: Vec<_> = runs.collect();
            runs.iter().sum::<usize>() / runs.len()
        };
        assert!(runs(FaultKind::Throttled) >= 5, "{}", runs(FaultKind::Throttled));
        assert_eq!(runs(FaultKind::Gone), 1);
    }

    #[test]
    fn a_period_without_faults_changes_no_decision_and_a_seed_restarts_them() {
        let on = settings(1, &[(FaultKind::Gone, 0.5)]);
        let mut generator = Generator::new(on.clone());
        let first = draw(&mut generator, FaultKind::Gone);
        generator.set(FaultSettings::default());
        assert!(draw(&mut generator, FaultKind::Gone).iter().all(|struck| !struck));
        let mut undisturbed = Generator::new(on.clone());
        draw(&mut undisturbed, FaultKind::Gone);
        generator.set(FaultSettings { seed: None, ..on.clone() });
        assert_eq!(draw(&mut generator, FaultKind::Gone), draw(&mut undisturbed, FaultKind::Gone));
        generator.set(on);
        assert_eq!(draw(&mut generator, FaultKind::Gone), first);
    }

    #[test]
    fn delays_and_kills_are_within_their_bounds() {
        let mut generator =
            Generator::new(settings(1, &[(FaultKind::Delayed, 1.0), (FaultKind::Killed, 1.0)]));
        let longest = generator.settings().delay_ms_max.get();
        let delays: Vec<_> = (0..DRAWS).map(|_| generator.delay()).collect();
        assert!(
            delays.iter().all(|delay| *delay < longest) && delays.iter().any(|delay| *delay > longest / 2)
        );
        assert!((0..DRAWS).all(|_| generator.kill_after().is_some_and(|part| (0.0..1.0).contains(&part))));
    }
}
