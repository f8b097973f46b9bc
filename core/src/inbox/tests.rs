//! What an inbox shows is what a count over the log says, however the records of the log arrive.

use proptest::{collection::vec, prelude::*};

use super::*;

const USERS: [&str; 3] = ["ann", "bob", "a_user_with_a_long_id"];
/// So small that not all users fit.
const SMALL_BYTES: usize = 330;

fn user(index: usize) -> UserId {
    USERS[index % USERS.len()].parse().unwrap()
}

fn seq(number: u64) -> Seq {
    number.try_into().unwrap()
}

fn at(second: u64) -> Timestamp {
    Timestamp::from_secs(i64::try_from(second).unwrap())
}

fn message(number: u64, n: u64, from: usize) -> SeenMessage {
    let from = Sender { user_id: user(from), name: "Ann".to_owned().try_into().unwrap() };
    let shown = LastMessage {
        seq: seq(number),
        at: at(number),
        from: Some(from),
        excerpt: Some(format!("m{number}")),
    };
    let author = shown.from.as_ref().map(|from| from.user_id.clone());
    SeenMessage { shown, author, n, kept_at: at(number), changes: 0, expires_at: None, is_gone: false }
}

/// Something that happens in a conversation.
#[derive(Debug, Clone, Copy)]
enum Step {
    Send(usize),
    /// Changes the message that is this many messages before the end: an edit, a reaction, or a deletion.
    Edit(usize),
    React(usize),
    Delete(usize),
    /// A user reads up to this many events before the end.
    Read(usize, usize),
    /// Everything expires, and the log begins again.
    Expire,
    /// The records so far are delivered in batches, those of different messages in any order, and this many of them
    /// once more from there on.
    Deliver {
        shuffle: usize,
        again: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let back = 0..4_usize;
    vec(
        prop_oneof![
            6 => (0..3_usize).prop_map(Step::Send),
            2 => back.clone().prop_map(Step::Edit),
            1 => back.clone().prop_map(Step::React),
            1 => back.clone().prop_map(Step::Delete),
            3 => (0..3_usize, back).prop_map(|(user, back)| Step::Read(user, back)),
            1 => Just(Step::Expire),
            3 => (0..7_usize, 0..9_usize).prop_map(|(shuffle, again)| Step::Deliver { shuffle, again }),
        ],
        1..60,
    )
}

/// A log, and what the digest makes of its records.
#[derive(Default)]
struct Model {
    /// The events that are alive: their place, and the message if it is one.
    log: Vec<(u64, Option<SeenMessage>)>,
    n: u64,
    next: u64,
    /// The seq up to which each user has read, and its `n`.
    read: BTreeMap<UserId, (u64, u64)>,
    records: Vec<LogNews>,
    delivered: usize,
    activity: Activity,
    marks: BTreeMap<UserId, u64>,
}

impl Model {
    fn apply(&mut self, step: Step) {
        match step {
            Step::Send(from) => {
                self.n += 1;
                let sent = message(self.next, self.n, from);
                self.records.push(LogNews::Message(sent.clone()));
                self.log.push((self.next, Some(sent)));
                self.next += 1;
            }
            Step::Edit(back) => self.change(back, |message| message.shown.excerpt = Some("edited".into())),
            Step::React(back) => self.change(back, |_| ()),
            Step::Delete(back) => self.change(back, |message| message.shown.excerpt = None),
            Step::Read(reader, back) => {
                let Some(index) = self.log.len().checked_sub(back + 1) else { return };
                let messages_after =
                    self.log[index + 1..].iter().filter(|(_, message)| message.is_some()).count();
                let (seq, n) = (self.log[index].0, self.n - u64::try_from(messages_after).unwrap());
                let mark = self.read.entry(user(reader)).or_default();
                *mark = (seq, n).max(*mark);
            }
            Step::Expire => {
                for (seq, message) in std::mem::take(&mut self.log) {
                    if message.is_some() {
                        self.records.push(LogNews::Gone(super::tests::seq(seq)));
                    }
                }
                self.next += 1_000;
                self.records.push(LogNews::BeginsAfter(self.n));
            }
            Step::Deliver { shuffle, again } => self.deliver(shuffle, again),
        }
    }

    fn change(&mut self, back: usize, change: impl Fn(&mut SeenMessage)) {
        let mut messages = self.log.iter_mut().rev().filter_map(|(_, message)| message.as_mut());
        let Some(message) = messages.nth(back) else { return };
        if message.shown.excerpt.is_none() {
            return; // it has been deleted
        }
        message.changes += 1;
        change(message);
        self.records.push(LogNews::Message(message.clone()));
        self.log.push((self.next, None));
        self.next += 1;
    }

    /// Delivers what is new, and some of what was delivered before. The records of one message stay in order, others do not.
    fn deliver(&mut self, shuffle: usize, again: usize) {
        let mut batch = self.records[self.delivered.saturating_sub(again)..].to_vec();
        self.delivered = self.records.len();
        let lane = |news: &LogNews| match news {
            LogNews::Message(message) => message.shown.seq.get(),
            LogNews::Gone(seq) => seq.get(),
            LogNews::BeginsAfter(_) => 0,
        };
        batch.sort_by_key(|news| (lane(news) * 7 + 3) % (u64::try_from(shuffle).unwrap() + 1)); // stable
        for half in batch.chunks(batch.len().div_ceil(2).max(1)) {
            half.iter().cloned().for_each(|news| self.activity.learn(news));
            for (user, n) in self.activity.trim(SMALL_BYTES) {
                let mark = self.marks.entry(user).or_default();
                *mark = n.max(*mark);
            }
            // It is stored and read again.
            let stored = serde_json::to_string(&self.activity).unwrap();
            assert_eq!(self.activity, serde_json::from_str(&stored).unwrap());
        }
    }

    /// What a person would count.
    fn counted(&self, of: &UserId) -> u64 {
        let is_own =
            |message: &SeenMessage| message.shown.from.as_ref().is_some_and(|from| from.user_id == *of);
        let own = self.log.iter().filter(|(_, message)| message.as_ref().is_some_and(is_own));
        let own = own.map(|(seq, _)| *seq).max().unwrap_or_default();
        let read = self.read.get(of).copied().unwrap_or_default().0;
        let unread = self.log.iter().filter(|(seq, message)| message.is_some() && *seq > own.max(read));
        u64::try_from(unread.count()).unwrap().min(UNREAD_SHOWN_MAX)
    }

    fn shown(&self, of: &UserId) -> u64 {
        let read = self.read.get(of).copied().unwrap_or_default().1;
        let mark = ReadMark { read, sent: self.marks.get(of).copied().unwrap_or_default() };
        self.activity.unread(self.activity.read_n(of, mark, at(0)))
    }
}

proptest! {
    #[test]
    fn what_is_unread_is_what_a_count_over_the_log_says(steps in steps()) {
        let mut model = Model { next: 1, ..Model::default() };
        for step in &steps {
            model.apply(*step);
        }
        model.deliver(0, 0);
        for index in 0..USERS.len() {
            prop_assert_eq!(model.shown(&user(index)), model.counted(&user(index)), "{}", user(index));
        }
        let last = model.log.iter().rev().find_map(|(_, message)| message.as_ref());
        let shown = last.map(|message| &message.shown);
        prop_assert_eq!(model.activity.last(at(0)), shown, "the last message, as it is now");
    }
}

#[test]
fn more_than_99_are_shown_as_100() {
    let mut activity = Activity::default();
    for n in 1..=150 {
        activity.learn(LogNews::Message(message(n, n, 0)));
    }
    let read = |read| activity.read_n(&user(1), ReadMark { read, sent: 0 }, at(0));
    assert_eq!([0, 50, 51, 149, 150, 999].map(|n| activity.unread(read(n))), [100, 100, 99, 1, 0, 0]);
    assert_eq!(
        activity.unread(activity.read_n(&user(0), ReadMark::default(), at(0))),
        0,
        "who sends has read"
    );
}

#[test]
fn an_expired_message_is_neither_shown_nor_counted() {
    let mut activity = Activity::default();
    activity.learn(LogNews::Message(SeenMessage { expires_at: Some(at(9)), ..message(1, 1, 0) }));
    let unread = |now| activity.unread(activity.read_n(&user(1), ReadMark::default(), now));
    assert_eq!((activity.last(at(8)).is_some(), unread(at(8))), (true, 1));
    assert_eq!((activity.last(at(9)).is_some(), unread(at(9))), (false, 0));
}

/// A message with everything as long as it can be, and as many senders as fit, is still one write unit.
#[test]
fn an_activity_is_below_its_bytes() {
    let long = |of: char| of.to_string().repeat(64);
    let mut activity = Activity::default();
    for letter in 'a'..='z' {
        let n = 1_000_000 + u64::from(u32::from(letter));
        let from =
            Sender { user_id: long(letter).parse().unwrap(), name: "ü".repeat(64).try_into().unwrap() };
        let shown =
            LastMessage { seq: seq(n), at: at(n), from: Some(from), excerpt: Some("👍".repeat(80)) };
        let expires_at = Some(at(n));
        activity.learn(LogNews::Message(SeenMessage { shown, n, expires_at, ..message(n, n, 0) }));
        activity.trim(ACTIVITY_BYTES_MAX);
        assert!(activity.bytes() <= ACTIVITY_BYTES_MAX, "{}", activity.bytes());
        let json = serde_json::to_string(&activity).unwrap();
        assert!(activity.bytes() + 140 > json.len(), "{} of {}", activity.bytes(), json.len());
    }
}
