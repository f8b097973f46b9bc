//! Chat messages as they are stored, and what an edit, a deletion or a reaction makes of them.
//!
//! A change is in the log if and only if its message has it, so both are written together. What is decided here depends on
//! the message alone: whoever writes it must write it on condition that the message is still the one that was changed.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::{
    Error, Seq, Timestamp, UserId,
    event::{
        ChatDelete, ChatEdit, ChatReaction, Emoji, MessageBody, REACTION_EMOJIS_MAX,
        REACTION_USERS_SHOWN_MAX, REACTIONS_BYTES_MAX, REACTIONS_OF_USER_MAX, Reaction, no_content,
    },
    file::{Attachment, FileUpdate},
    json::raw,
    size::json_bytes,
    text::{garbles, is_visible},
};

/// A message as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// The user whose connection sent it. `None` for a message of the backend.
    pub from: Option<UserId>,
    /// The message itself.
    pub body: MessageBody,
    /// The reactions, in the order in which each emoji was first used.
    pub reactions: Vec<Reactors>,
}

/// All users who have reacted to a message with the same emoji.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reactors {
    /// The emoji.
    pub emoji: Emoji,
    /// The users, in the order in which they reacted.
    pub users: Vec<UserId>,
}

impl Reactors {
    /// The reaction as it is shown.
    pub fn shown(&self) -> Reaction {
        let users = self.users.iter().take(REACTION_USERS_SHOWN_MAX).cloned().collect();
        Reaction { emoji: self.emoji.clone(), count: self.users.len(), users }
    }
}

/// A change of a message.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// The message.
    pub target: Seq,
    /// Who changes it.
    pub by: ChangeAuthor,
    /// What is changed.
    pub kind: ChangeKind,
}

/// Who changes a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeAuthor {
    /// A user.
    User(UserId),
    /// A user of the team of the conversation's company, who may delete what others wrote.
    Moderator(UserId),
    /// The app's backend.
    Backend,
}

/// What is changed in a message.
#[derive(Debug, Clone, PartialEq)]
pub enum ChangeKind {
    /// Its text.
    Edit {
        /// The new text.
        content: String,
        /// The new data of the app, unless the message keeps what it has.
        metadata: Option<Map<String, Value>>,
    },
    /// Everything: the message is deleted.
    Delete,
    /// Everything, and who wrote it: its author is erased.
    Erase,
    /// One of its files has been examined.
    File(Attachment),
    /// A reaction.
    Reaction {
        /// The user who reacts.
        user: UserId,
        /// The emoji.
        emoji: Emoji,
        /// Whether the user reacts with it from now on.
        on: bool,
    },
}

/// A message after a change.
#[derive(Debug)]
pub struct Changed {
    /// The message.
    pub message: Message,
    /// The `data` of the event that states the change.
    pub data: Box<RawValue>,
}

impl Change {
    /// Whether only a moderator may make this change of a message.
    pub fn needs_moderator(&self, message: &Message) -> bool {
        matches!((&self.by, &self.kind), (ChangeAuthor::User(user), ChangeKind::Delete) if !message.is_by(user))
    }
}

impl Message {
    /// The message after a change that is made at this time.
    ///
    /// # Errors
    /// [`Error::NotFound`] if the message has been deleted; [`Error::Forbidden`] if the author of the change may not make it;
    /// [`Error::Invalid`] if the message has as many reactions as it can have.
    pub fn changed(mut self, change: &Change, at: Timestamp) -> Result<Changed, Error> {
        if self.body.deleted_at.is_some() {
            return Err(Error::NotFound("the message"));
        }
        let target = change.target;
        let data = match (&change.kind, &change.by) {
            (ChangeKind::Edit { content, metadata }, by) => {
                let is_author = match by {
                    ChangeAuthor::User(user) | ChangeAuthor::Moderator(user) => self.is_by(user),
                    ChangeAuthor::Backend => self.from.is_none(),
                };
                if !is_author {
                    return Err(Error::Forbidden("only its author may edit a message"));
                }
                if content.is_empty() && self.body.attachments.is_empty() {
                    return Err(no_content());
                }
                self.body.content.clone_from(content);
                if metadata.is_some() {
                    self.body.metadata.clone_from(metadata);
                }
                self.body.edited_at = Some(at);
                // What an earlier edit says is no longer stored, so this one states all that is so now.
                raw(&ChatEdit {
                    target,
                    content: Some(content.clone()),
                    metadata: self.body.metadata.clone(),
                })
            }
            (ChangeKind::Delete, ChangeAuthor::User(user)) if !self.is_by(user) => {
                return Err(Error::Forbidden("only its author and the company's team may delete a message"));
            }
            (ChangeKind::Delete, _) => {
                self.delete(at);
                raw(&ChatDelete { target })
            }
            (ChangeKind::Erase, _) => {
                self.erase(at);
                raw(&ChatDelete { target })
            }
            (ChangeKind::File(file), _) => {
                let own = self.body.attachments.iter_mut().find(|own| own.id == file.id);
                own.ok_or(Error::NotFound("the file"))?.clone_from(file);
                raw(&FileUpdate { target: Some(target), file: file.clone() })
            }
            (ChangeKind::Reaction { user, emoji, on }, _) => {
                let reaction = self.react(user, emoji, *on)?;
                raw(&ChatReaction { target, on: *on, reaction })
            }
        };
        Ok(Changed { message: self, data: data? })
    }

    /// Whether a user is its author, also if the backend has sent it for them.
    pub fn is_by(&self, user: &UserId) -> bool {
        self.body.user_id.as_ref() == Some(user)
    }

    /// Removes everything but the message's place and times. Its author is the erased user from now on.
    pub fn erase(&mut self, at: Timestamp) {
        let deleted_at = self.body.deleted_at.unwrap_or(at);
        self.delete(deleted_at);
        for author in [&mut self.from, &mut self.body.user_id].into_iter().flatten() {
            *author = UserId::erased();
        }
    }

    /// The emojis with which a user reacts to it.
    pub fn emojis_of(&self, user: &UserId) -> Vec<Emoji> {
        let own = self.reactions.iter().filter(|reactors| reactors.users.contains(user));
        own.map(|reactors| reactors.emoji.clone()).collect()
    }

    /// Removes all reactions of a user.
    pub fn take_reactions_of(&mut self, user: &UserId) {
        for reactors in &mut self.reactions {
            reactors.users.retain(|one| one != user);
        }
        self.reactions.retain(|reactors| !reactors.users.is_empty());
    }

    /// Removes everything but the message's place, author and times.
    fn delete(&mut self, at: Timestamp) {
        let body = &mut self.body;
        body.content.clear();
        body.metadata = None;
        body.mentions.clear();
        body.attachments.clear();
        body.deleted_at = Some(at);
        self.reactions.clear();
    }

    fn react(&mut self, user: &UserId, emoji: &Emoji, on: bool) -> Result<Reaction, Error> {
        let full = |reason: String| Error::invalid("emoji", reason);
        let spoils = |char: char| garbles(char) || char.is_whitespace();
        if on && (!is_visible(emoji.as_str()) || emoji.as_str().chars().any(spoils)) {
            return Err(full("must be visible, without spaces and control characters".to_owned()));
        }
        let own = self
            .reactions
            .iter()
            .filter(|reactors| reactors.emoji != *emoji && reactors.users.contains(user));
        if on && own.count() >= REACTIONS_OF_USER_MAX {
            let most = REACTIONS_OF_USER_MAX;
            return Err(full(format!("must wait: a user reacts to a message with at most {most} emojis")));
        }
        let place = match self.reactions.iter().position(|reactors| reactors.emoji == *emoji) {
            Some(place) => place,
            None if on && self.reactions.len() >= REACTION_EMOJIS_MAX => {
                let reason = format!("must be one of the {REACTION_EMOJIS_MAX} that the message already has");
                return Err(full(reason));
            }
            None => {
                self.reactions.push(Reactors { emoji: emoji.clone(), users: Vec::new() });
                self.reactions.len() - 1
            }
        };
        let users = &mut self.reactions[place].users;
        match users.iter().position(|one| one == user) {
            None if on => users.push(user.clone()),
            Some(at) if !on => drop(users.remove(at)),
            _ => {}
        }
        let shown = self.reactions[place].shown();
        self.reactions.retain(|reactors| !reactors.users.is_empty());
        if on && json_bytes(&self.reactions) > REACTIONS_BYTES_MAX {
            let reason = format!(
                "must wait: the message has {REACTIONS_BYTES_MAX} bytes of reactions, which is the most"
            );
            return Err(full(reason));
        }
        Ok(shown)
    }
}

#[cfg(test)]
mod tests;
