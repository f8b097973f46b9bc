//! Erasing a user from a log, event by event from its beginning.
//!
//! A message of theirs is deleted by an event at the end of the log, as by `chat.delete`, and a reaction of theirs is taken back by one:
//! so whoever follows the conversation sees it as it is. Everything else is rewritten in its place, because nobody who has received
//! it shows it any more, or it only names them.

use std::collections::VecDeque;

use funnelcast_aws::{
    clock::{new_id, now},
    table::{
        Append, LogView, Stored, back_off,
        erasure::Erasure,
        log::{Known, Remains},
    },
};
use funnelcast_core::{
    Channel, Error, Seq, Timestamp, UserId,
    erasure::{Whose, payload, without},
    event::{ChatDelete, EventName, MessageBody},
    file::FileUpdate,
    frame::Event,
    message::{Change, ChangeAuthor, ChangeKind},
    policy::Lane,
    publication::{Effect, Publication},
};
use serde_json::value::to_raw_value;

use crate::{
    context::Realtime,
    deliver::{self, Addressed, Delivery},
};

/// What the keys of our events begin with.
const KEY_PREFIX: &str = "erase.";
/// How often an event is rewritten that others change too.
const ROUNDS_MAX: u32 = 10;

/// What has been erased from a log.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ErasedInLog {
    /// Messages of theirs.
    pub(super) messages: usize,
    /// Reactions to others' messages.
    pub(super) reactions: usize,
    /// Other events, and others' messages, that named them.
    pub(super) events: usize,
}

/// Erases a user from one log.
pub(super) struct LogEraser<'a> {
    realtime: &'a Realtime,
    channel: &'a Channel,
    user: &'a UserId,
    /// Since when events of ours may not have been delivered: an earlier run was interrupted.
    untold_since: Option<Timestamp>,
    /// The end of the log, while a page is gone through.
    view: Option<LogView>,
}

impl<'a> LogEraser<'a> {
    pub(super) fn new(
        realtime: &'a Realtime,
        channel: &'a Channel,
        user: &'a UserId,
        erasure: &Erasure,
    ) -> Self {
        let untold_since = erasure.is_resumed.then_some(erasure.begun_at);
        Self { realtime, channel, user, untold_since, view: None }
    }

    /// Goes through the log, a page at a time.
    pub(super) async fn erase(&mut self) -> Result<ErasedInLog, Error> {
        let mut erased = ErasedInLog::default();
        let mut after = Seq::ZERO;
        loop {
            let (events, more) = self.realtime.table().log_page(self.channel, after).await?;
            after = events.last().map_or(after, |last| last.seq);
            let mut told = VecDeque::new();
            self.view = None;
            for stored in events {
                if self.is_untold(&stored) {
                    told.push_back(stored.into_event(self.channel.clone())?.quoting(None)?);
                } else if stored.is_of_messages() {
                    told.extend(self.erase_message(stored, &mut erased).await?);
                } else {
                    erased.events += usize::from(self.rewrite(stored).await?);
                }
            }
            self.tell(told.into()).await?;
            if !more {
                return Ok(erased);
            }
        }
    }

    /// How many messages in the log are theirs, and not deleted.
    pub(super) async fn count(&self) -> Result<usize, Error> {
        let (mut after, mut count) = (Seq::ZERO, 0);
        loop {
            let (events, more) = self.realtime.table().log_page(self.channel, after).await?;
            after = events.last().map_or(after, |last| last.seq);
            for stored in events.iter().filter(|stored| stored.is_of_messages()) {
                let body = stored.body()?;
                count += usize::from(body.user_id.as_ref() == Some(self.user) && body.deleted_at.is_none());
            }
            if !more {
                return Ok(count);
            }
        }
    }

    /// Whether an event says something of a file that a message of an erased user had.
    pub(super) async fn is_of_their_file(&self, event: EventName, data: &str) -> Result<bool, Error> {
        if !matches!(event, EventName::FileReady | EventName::FileRefused) {
            return Ok(false);
        }
        let Ok(FileUpdate { target: Some(target), .. }) = serde_json::from_str(data) else {
            return Ok(false);
        };
        let Some(message) = self.realtime.table().stored_event(self.channel, target).await? else {
            return Ok(false);
        };
        let author = message.body()?.user_id;
        Ok(author.is_some_and(|author| author == *self.user || author == UserId::erased()))
    }

    /// Whether this is an event of ours that may not have been delivered.
    fn is_untold(&self, stored: &Stored) -> bool {
        let is_ours = stored.from().is_none() && stored.key().is_some_and(|key| key.starts_with(KEY_PREFIX));
        is_ours && self.untold_since.is_some_and(|since| since <= stored.kept_at())
    }

    async fn erase_message(&mut self, stored: Stored, erased: &mut ErasedInLog) -> Result<Vec<Event>, Error> {
        let message = stored.message()?;
        if self.is_theirs(&stored, message.body.user_id.as_ref()) {
            erased.messages += usize::from(message.body.deleted_at.is_none());
            if stored.lives() && message.body.deleted_at.is_none() {
                return Ok(self.change(stored, ChangeKind::Erase).await?.into_iter().collect());
            }
            self.rewrite(stored).await?;
            return Ok(Vec::new());
        }
        let (mut events, mut stored) = (Vec::new(), Some(stored));
        let emojis = message.emojis_of(self.user);
        for emoji in emojis {
            let Some(before) = stored.take_if(|stored| stored.lives()) else { break };
            let seq = before.seq;
            let change = ChangeKind::Reaction { user: self.user.clone(), emoji, on: false };
            events.extend(self.change(before, change).await?);
            erased.reactions += 1;
            stored = self.realtime.table().stored_event(self.channel, seq).await?;
        }
        if let Some(stored) = stored {
            erased.events += usize::from(self.rewrite(stored).await?);
        }
        Ok(events)
    }

    fn is_theirs(&self, stored: &Stored, author: Option<&UserId>) -> bool {
        [stored.from(), author].contains(&Some(self.user))
    }

    /// Changes a message by an event at the end of the log, which is to be delivered. If the message has been deleted meanwhile, it is
    /// rewritten.
    async fn change(&mut self, stored: Stored, kind: ChangeKind) -> Result<Option<Event>, Error> {
        let (table, target, at) = (self.realtime.table(), stored.seq, now());
        let event = match kind {
            ChangeKind::Reaction { .. } => EventName::ChatReaction,
            _ => EventName::ChatDelete,
        };
        let change = Change { target, by: ChangeAuthor::Backend, kind };
        let data = to_raw_value(&ChatDelete { target });
        let publication = Publication {
            channel: self.channel.clone(),
            event,
            lane: Lane::Durable,
            at,
            happened_at: at,
            ahead_ms: 0,
            from: None,
            key: Some(format!("{KEY_PREFIX}{}", new_id()).parse()?),
            latest_key: None,
            effect: Effect::Change(change.clone()),
            to: None,
            data: data.map_err(|error| Error::internal("a deletion", &error))?,
        };
        let mut view = match self.view.take() {
            Some(view) => view,
            None => table.look_back(self.channel, Known::Since(at)).await?,
        };
        let changed = |message: funnelcast_core::message::Message| message.changed(&change, at);
        let appended = table.append_change(&mut view, &publication, (target, Some(stored)), changed).await;
        self.view = Some(view);
        match appended {
            Ok(Append::New(event) | Append::Duplicate(event)) => {
                event.into_event(self.channel.clone())?.quoting(None).map(Some)
            }
            Err(Error::NotFound(_)) => {
                if let Some(stored) = table.stored_event(self.channel, target).await? {
                    self.rewrite(stored).await?;
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Rewrites an event in its place, if it says anything of them. Returns whether it did.
    async fn rewrite(&self, mut stored: Stored) -> Result<bool, Error> {
        for round in 0..ROUNDS_MAX {
            let Some(remains) = self.remains(&stored).await? else { return Ok(false) };
            if self.realtime.table().rewrite_event(self.channel, &stored, remains).await? {
                return Ok(true);
            }
            back_off(round).await;
            let Some(again) = self.realtime.table().stored_event(self.channel, stored.seq).await? else {
                return Ok(false); // it has expired
            };
            stored = again;
        }
        Err(Error::Internal("an event kept changing while a user was erased".into()))
    }

    /// What is left of an event; `None` if it says nothing of them.
    async fn remains(&self, stored: &Stored) -> Result<Option<Remains>, Error> {
        let of_erased = stored.from() == Some(self.user);
        if !stored.is_of_messages() {
            let is_theirs = of_erased || self.is_of_their_file(stored.event(), stored.data()).await?;
            let whose = if is_theirs { Whose::Theirs } else { Whose::Others };
            let data = payload(stored.event(), whose, stored.data(), self.user)?;
            let is_same = data == stored.data() && !of_erased;
            return Ok((!is_same).then_some(Remains { data, message: None, of_erased: is_theirs }));
        }
        let mut message = stored.message()?;
        if self.is_theirs(stored, message.body.user_id.as_ref()) {
            message.erase(now());
            return Ok(Some(Remains { data: json(&message.body)?, message: Some(message), of_erased: true }));
        }
        let had_reactions = !message.emojis_of(self.user).is_empty();
        message.take_reactions_of(self.user); // of one that has expired: others are taken back by events
        let data = without(stored.data(), self.user);
        let is_same = data == stored.data() && !had_reactions;
        Ok((!is_same).then_some(Remains { data, message: Some(message), of_erased: false }))
    }

    async fn tell(&self, events: Vec<Event>) -> Result<(), Error> {
        let events = events.into_iter().map(|event| Addressed { event, except: None });
        for delivery in Delivery::in_order(events.collect()) {
            deliver::deliver_or_queue(self.realtime, delivery).await?;
        }
        Ok(())
    }
}

fn json(body: &MessageBody) -> Result<String, Error> {
    serde_json::to_string(body).map_err(|error| Error::internal("a message", &error))
}
