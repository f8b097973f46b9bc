//! What must hold in every state, and what must happen in some.

use stateright::Property;

use super::model::{AppendModel, At, Broken, Kind, SENDERS, State, bit};

/// The properties of a model.
pub(super) fn of(model: &AppendModel) -> Vec<Property<AppendModel>> {
    let mut all = of_the_log();
    if model.expires {
        all.push(Property::sometimes("a log begins again", |_, state: &State| {
            state.era > 0 && state.log.iter().any(|entry| entry.alive)
        }));
    }
    if model.kinds.contains(&Kind::Edit) {
        all.extend(of_changes());
    }
    all
}

fn of_the_log() -> Vec<Property<AppendModel>> {
    vec![
        Property::always("no hole", |_, state: &State| {
            (1..63)
                .all(|seq| state.given & bit(seq) == 0 || (state.given << 1 | state.starts) & bit(seq) != 0)
        }),
        Property::always("a key once", |model: &AppendModel, state: &State| {
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
    ]
}

/// What must hold besides, where messages are changed.
fn of_changes() -> Vec<Property<AppendModel>> {
    vec![
        Property::always(
            "a change is in the log if and only if its message has it",
            |model, state: &State| {
                model.changes().all(|key| {
                    let made = usize::from(state.message.by_key[usize::from(key)]);
                    !state.has_message() || made == state.count(key)
                })
            },
        ),
        Property::always("a change is made once", |_, state: &State| {
            state.message.by_key.iter().all(|made| *made <= 1)
        }),
        Property::always("an acked change stays", |model, state: &State| {
            model
                .changes()
                .map(usize::from)
                .all(|key| state.acks[key].is_none() || !state.has_message() || state.message.by_key[key] > 0)
        }),
        Property::always("only a message that is gone refuses a change", |model, state: &State| {
            model.refused(state).all(|_| state.message.is_deleted || !state.has_message())
        }),
        Property::always("what is refused is not in the log", |model, state: &State| {
            model.refused(state).all(|key| state.count(key) == 0)
        }),
        Property::always("nothing changes a message that is deleted", |model, state: &State| {
            let changes = state.alive().filter_map(|entry| model.kind_of(entry.key));
            changes.skip_while(|kind| *kind != Kind::Delete).count() <= 1
        }),
        Property::always("only the last edit has the text", |_, state: &State| {
            let last = state.message.last_edit.filter(|_| !state.message.is_deleted);
            let with_text = state.alive().filter(|entry| entry.has_text).map(|entry| entry.seq);
            !state.has_message() || with_text.eq(last)
        }),
        Property::sometimes("two changes stand", |_, state: &State| state.message.changes >= 2),
    ]
}

impl AppendModel {
    /// The keys of the senders that change the message.
    fn changes(&self) -> impl Iterator<Item = u8> {
        (0..SENDERS).filter(|n| self.is_change(*n)).map(|n| self.keys[n])
    }

    /// The keys of the changes that were refused.
    fn refused(&self, state: &State) -> impl Iterator<Item = u8> {
        (0..SENDERS).filter(|n| state.senders[*n].at == At::Refused).map(|n| self.keys[n])
    }

    /// What the event with this key changes; `None` if it is no change.
    fn kind_of(&self, key: u8) -> Option<Kind> {
        (0..SENDERS).find(|n| self.keys[*n] == key && self.is_change(*n)).map(|n| self.kinds[n])
    }
}
