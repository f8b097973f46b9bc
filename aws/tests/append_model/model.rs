//! What `append` and `append_change` do, in steps between which another sender, a crash, a lost response or the TTL can
//! come. One step is one call of the table, which is atomic.

use stateright::{Model, Property};

use super::changes::{Message, Subject};
use super::properties;

pub(crate) const SENDERS: usize = 3;
/// The message that the senders change: the first event of the log.
pub(crate) const TARGET: u8 = 1;
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
    /// After a lost race, the log is read from the seq on that was lost, and not from the one before it.
    ReadOnFromLostSeq,
    /// A message is changed whatever has become of it since it was read.
    NoCondition,
    /// The event of a change is put before the message is changed, and not in the same transaction.
    TwoWrites,
    /// A later edit and a deletion leave the event of the edit that they replace as it is.
    KeepReplacedText,
    /// A message is read after the log, and what it refuses is not looked for in the log again.
    RefuseAtOnce,
}

/// What a sender appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An event that changes nothing.
    Send,
    /// An edit of the first event.
    Edit,
    /// A deletion of the first event.
    Delete,
}

/// The senders and the log that they find.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AppendModel {
    pub(crate) mutation: Mutation,
    /// Two senders with the same key are one user on two connections.
    pub(crate) keys: [u8; SENDERS],
    pub(crate) bases: [u8; SENDERS],
    pub(crate) kinds: [Kind; SENDERS],
    /// Events of other senders, from 1 on.
    pub(crate) events_before: u8,
    /// Whether an earlier sender has crashed between the marker and its put.
    pub(crate) marker_before: bool,
    /// How often each sender may crash, or miss its ack, and retry.
    pub(crate) retries: u8,
    /// How many writes may be refused because a transaction on the same item is under way.
    pub(crate) conflicts: u8,
    /// Whether events expire.
    pub(crate) expires: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct State {
    pub(crate) log: Vec<Entry>,
    pub(crate) marker: Option<Marker>,
    /// What the changes have made of the first event.
    pub(crate) message: Message,
    pub(crate) senders: [Sender; SENDERS],
    /// How many responses to a put may still be lost, of any sender.
    answers_to_lose: u8,
    conflicts: u8,
    /// How often everything has expired.
    pub(crate) era: u8,
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
    /// Whether it is an edit that still has the text.
    pub(crate) has_text: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Marker {
    pub(crate) start: u8,
    pub(crate) fresh: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Sender {
    pub(crate) at: At,
    /// The message as a sender that changes it has read it.
    pub(crate) subject: Subject,
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
    /// Reads the message, and then the log from this seq on.
    ReadMessage(u8),
    /// Reads the message, after the log was read up to this seq.
    ReadMessageLast(u8),
    /// Looks once more, from this seq on, for an earlier try of a change that its message refuses.
    LookOnceMore(u8),
    /// Changes the message, after the change's event was put at this seq.
    ChangeMessage(u8),
    Acked(u8),
    /// The message is gone.
    Refused,
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
    /// The sender reads the message that it changes before the log: both reads are under way at the same time.
    ReadMessageFirst(usize),
    /// The put takes effect, but its response is lost; the SDK retries and is refused.
    LoseAnswer(usize),
    /// The write is refused because a transaction on the same item is under way.
    Conflict(usize),
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
        let log = (1..=self.events_before).map(|seq| Entry::new(seq, others, false));
        let begun = self.events_before > 0 || self.marker_before;
        let sender = Sender { at: At::LookBack, subject: Subject::Unread, retries: self.retries };
        vec![State {
            log: log.collect(),
            marker: begun.then_some(Marker { start: 1, fresh: true }),
            message: Message::default(),
            senders: [sender; SENDERS],
            answers_to_lose: 1,
            conflicts: self.conflicts,
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
            if !sender.at.is_settled() {
                actions.push(Action::Step(n));
            }
            if self.is_change(n) && sender.at == At::LookBack && sender.subject == Subject::Unread {
                actions.push(Action::ReadMessageFirst(n));
            }
            if matches!(sender.at, At::Put(_)) && state.answers_to_lose > 0 {
                actions.push(Action::LoseAnswer(n));
            }
            if matches!(sender.at, At::Put(_)) && state.conflicts > 0 {
                actions.push(Action::Conflict(n));
            }
            if sender.retries > 0 && sender.at != At::LookBack {
                actions.push(Action::Retry(n));
            }
        }
        // An append ends within minutes, and nothing expires within hours of when it was put. So time only passes
        // while no sender is between two calls; the TTL may come at any time.
        let quiet = state.senders.iter().all(|sender| sender.at.is_settled() || sender.is_idle());
        if self.expires && (quiet || self.mutation == Mutation::ExpiryUnderAppend) && state.era == 0 {
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
            Action::ReadMessageFirst(n) => state.senders[n].subject = state.read_message(),
            Action::LoseAnswer(n) => {
                let At::Put(seq) = state.senders[n].at else { return None };
                self.write(&mut state, n, seq);
                self.lose_race(&mut state, n, seq);
                state.answers_to_lose -= 1;
            }
            Action::Conflict(n) => {
                let At::Put(seq) = state.senders[n].at else { return None };
                self.lose_race(&mut state, n, seq);
                state.conflicts -= 1;
            }
            Action::Retry(n) => {
                state.senders[n].retries -= 1;
                state.senders[n].at = At::LookBack;
                state.senders[n].subject = Subject::Unread;
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
        properties::of(self)
    }
}

impl AppendModel {
    /// Whether what this sender appends changes a message.
    pub(crate) fn is_change(&self, n: usize) -> bool {
        self.kinds[n] != Kind::Send
    }
}

impl Entry {
    pub(crate) const fn new(seq: u8, key: u8, has_text: bool) -> Self {
        Self { seq, key, alive: true, has_text }
    }
}

impl Sender {
    /// Whether it has read nothing yet.
    fn is_idle(&self) -> bool {
        self.at == At::LookBack && self.subject == Subject::Unread
    }
}

impl At {
    /// Whether the sender makes no further call.
    const fn is_settled(self) -> bool {
        matches!(self, Self::Acked(_) | Self::Refused)
    }
}

pub(crate) const fn bit(seq: u8) -> u64 {
    1 << seq
}
