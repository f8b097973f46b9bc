//! What `append` does, in steps between which another sender, a crash, a lost response or the TTL can come. One step
//! is one call of the table, which is atomic.

use stateright::{Model, Property};

pub(crate) const SENDERS: usize = 3;
/// A base above every seq that a log of these tests ever has.
pub(crate) const LIE: u8 = 60;

/// What is changed in the logic, to see that the model notices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutation {
    /// Nothing: as in `table/log.rs`.
    None,
    /// The key is only looked for before the first put.
    NoKeyCheckAfterLostRace,
    /// A sender that loses the race for the marker keeps its own start.
    NoAgreement,
    /// A log without events always begins at 1.
    RestartAtOne,
    /// A base above the tail is trusted.
    TrustBase,
    /// The end of a log may expire before the events below it, as it did when retention was counted from an event's
    /// own time.
    NewestExpiresFirst,
    /// The last event may expire between a sender's read and its put.
    ExpiryUnderAppend,
}

/// The senders and the log that they find.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AppendModel {
    pub(crate) mutation: Mutation,
    /// Two senders with the same key are one user on two connections.
    pub(crate) keys: [u8; SENDERS],
    pub(crate) bases: [u8; SENDERS],
    /// Events of other senders, from 1 on.
    pub(crate) events_before: u8,
    /// Whether an earlier sender has crashed between the marker and its put.
    pub(crate) marker_before: bool,
    /// How often each sender may crash, or miss its ack, and retry.
    pub(crate) retries: u8,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) log: Vec<Entry>,
    pub(crate) marker: Option<Marker>,
    pub(crate) senders: [Sender; SENDERS],
    /// How many responses to a put may still be lost, of any sender.
    answers_to_lose: u8,
    /// How often everything has expired.
    era: u8,
    /// What is no longer in the log but was: every seq that was ever assigned, and every start.
    pub(crate) given: u64,
    pub(crate) starts: u64,
    /// The seq of the ack, by key. It ends with the event's retention.
    pub(crate) acks: [Option<u8>; SENDERS],
    pub(crate) broken: Option<Broken>,
    pub(crate) duplicates: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) seq: u8,
    pub(crate) key: u8,
    pub(crate) alive: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Marker {
    pub(crate) start: u8,
    pub(crate) fresh: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Sender {
    pub(crate) at: At,
    retries: u8,
}

/// The call that a sender makes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum At {
    LookBack,
    ReadMarker,
    Begin(Option<Marker>),
    Agree,
    Put(u8),
    ReadOn(u8),
    Acked(u8),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Broken {
    AckChanged,
    SeqNotAbove,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// The sender's next call is answered.
    Step(usize),
    /// The put takes effect, but its response is lost; the SDK retries and is refused.
    LoseAnswer(usize),
    /// The sender crashes, or its ack is lost; it retries with the same key and base.
    Retry(usize),
    /// The marker is no longer fresh.
    Age,
    /// An event's retention ends.
    Expire(usize),
    /// The TTL removes an expired event.
    Sweep(usize),
}

impl Model for AppendModel {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let others = u8::try_from(SENDERS).unwrap_or(u8::MAX);
        let log = (1..=self.events_before).map(|seq| Entry { seq, key: others, alive: true });
        let begun = self.events_before > 0 || self.marker_before;
        let sender = Sender { at: At::LookBack, retries: self.retries };
        vec![State {
            log: log.collect(),
            marker: begun.then_some(Marker { start: 1, fresh: true }),
            senders: [sender; SENDERS],
            answers_to_lose: 1,
            era: 0,
            given: (1..=self.events_before).map(bit).sum(),
            starts: if begun { bit(1) } else { 0 },
            acks: [None; SENDERS],
            broken: None,
            duplicates: 0,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (n, sender) in state.senders.iter().enumerate() {
            if !matches!(sender.at, At::Acked(_)) {
                actions.push(Action::Step(n));
            }
            if matches!(sender.at, At::Put(_)) && state.answers_to_lose > 0 {
                actions.push(Action::LoseAnswer(n));
            }
            if sender.retries > 0 && sender.at != At::LookBack {
                actions.push(Action::Retry(n));
            }
        }
        // An append ends within minutes, and nothing expires within hours of when it was put. So time only passes
        // while no sender is between two calls; the TTL may come at any time.
        let quiet = state.senders.iter().all(|sender| matches!(sender.at, At::LookBack | At::Acked(_)));
        if (quiet || self.mutation == Mutation::ExpiryUnderAppend) && state.era == 0 {
            let alive: Vec<usize> = (0..state.log.len()).filter(|n| state.log[*n].alive).collect();
            let last = if self.mutation == Mutation::NewestExpiresFirst { alive.last() } else { None };
            match state.marker {
                Some(marker) if marker.fresh => actions.push(Action::Age),
                Some(_) => actions.extend(alive.first().into_iter().chain(last).map(|n| Action::Expire(*n))),
                None => {}
            }
        }
        actions.extend((0..state.log.len()).filter(|n| !state.log[*n].alive).map(Action::Sweep));
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        match action {
            Action::Step(n) => self.step(&mut state, n),
            Action::LoseAnswer(n) => {
                let At::Put(seq) = state.senders[n].at else { return None };
                state.put(seq, self.keys[n]);
                state.senders[n].at = At::ReadOn(seq);
                state.answers_to_lose -= 1;
            }
            Action::Retry(n) => {
                state.senders[n].retries -= 1;
                state.senders[n].at = At::LookBack;
            }
            Action::Age => state.marker.as_mut()?.fresh = false,
            Action::Expire(n) => {
                state.log[n].alive = false;
                if let Some(ack) = state.acks.get_mut(usize::from(state.log[n].key)) {
                    *ack = None;
                }
                state.era += u8::from(state.log.iter().all(|entry| !entry.alive));
            }
            Action::Sweep(n) => drop(state.log.remove(n)),
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no hole", |_, state: &State| {
                (1..63).all(|seq| {
                    state.given & bit(seq) == 0 || (state.given << 1 | state.starts) & bit(seq) != 0
                })
            }),
            Property::always("a key once", |model: &Self, state: &State| {
                let count = |key| state.log.iter().filter(|entry| entry.alive && entry.key == key).count();
                model.keys.iter().all(|key| count(*key) <= 1)
            }),
            Property::always("an ack stands", |_, state: &State| state.broken != Some(Broken::AckChanged)),
            Property::always("each seq is above all before", |_, state: &State| {
                state.broken != Some(Broken::SeqNotAbove)
            }),
            Property::sometimes("all are acked", |_, state: &State| {
                state.senders.iter().all(|sender| matches!(sender.at, At::Acked(_)))
            }),
            Property::sometimes("a retry is known", |_, state: &State| state.duplicates > 0),
            Property::sometimes("a log begins again", |_, state: &State| {
                state.era > 0 && state.log.iter().any(|entry| entry.alive)
            }),
        ]
    }
}

pub(crate) const fn bit(seq: u8) -> u64 {
    1 << seq
}
