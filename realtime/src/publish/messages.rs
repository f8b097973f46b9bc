//! What the events of a conversation refer to: messages that are replied to or changed, users who are mentioned, and files.

use std::collections::BTreeSet;

use funnelcast_aws::{
    Table,
    table::{
        Append, LogView, Stored,
        files::{FileOwner, StoredFile},
    },
};
use funnelcast_core::{
    Caller, Channel, Error, Seq, UserId,
    event::Quote,
    file::{ATTACHMENTS_MAX, FileState},
    message::ChangeAuthor,
    publication::{Effect, FilesOf, Publication, References},
};

use crate::access::Access;

/// What an event refers to, as it was read before the event is appended.
#[derive(Debug)]
pub(super) enum Subject {
    /// Nothing.
    Nothing,
    /// A message with valid references. Otherwise, which of them is wrong.
    References(Result<Referred, Error>),
    /// The message that it changes, if that exists.
    Message(Option<Box<Stored>>),
}

/// What a message refers to.
#[derive(Debug, Default)]
pub(super) struct Referred {
    /// The message that it replies to.
    quote: Option<Quote>,
    /// The files that it brings.
    files: Vec<StoredFile>,
}

/// How often a message is appended whose files change meanwhile. Each file changes twice at most.
const FILE_ROUNDS_MAX: usize = 2 * ATTACHMENTS_MAX + 1;

impl Subject {
    /// Reads what a publication refers to: 1 read for a message, 1 call for the users who are mentioned, and 1 for the files.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub(super) async fn read(table: &Table, publication: &Publication) -> Result<Self, Error> {
        let channel = &publication.channel;
        match &publication.effect {
            Effect::None => Ok(Self::Nothing),
            Effect::Message(references) => match Box::pin(check(table, publication, references)).await {
                Err(error) if error.is_retryable() => Err(error),
                checked => Ok(Self::References(checked)),
            },
            Effect::Change(change) => {
                Ok(Self::Message(table.stored_message(channel, change.target).await?.map(Box::new)))
            }
        }
    }

    /// The publication with the files that it brings, as they were read.
    pub(super) fn with_files(&self, publication: Publication) -> Result<Publication, Error> {
        match self {
            Self::References(Ok(Referred { files, .. })) => with_files(publication, files),
            _ => Ok(publication),
        }
    }

    /// Appends the publication, unless an earlier try is in the log. Returns what it quotes as well: that is read again, which
    /// costs 1 read, if the quoted message was changed before the append and perhaps after it was read. For whoever hears the
    /// change before the reply has no reason to change the quote any more.
    ///
    /// # Errors
    /// [`Error::Invalid`] if a reference is wrong; those of [`Table::append`] and [`Table::append_change`].
    pub(super) async fn append(
        self,
        table: &Table,
        view: &mut LogView,
        publication: &Publication,
    ) -> Result<(Append, Option<Quote>), Error> {
        match (self, &publication.effect) {
            (Self::Message(message), Effect::Change(change)) => {
                let target = (change.target, message.map(|message| *message));
                let changed =
                    |message: funnelcast_core::message::Message| message.changed(change, publication.at);
                Ok((table.append_change(view, publication, target, changed).await?, None))
            }
            (Self::References(checked), Effect::Message(references)) => {
                // An earlier try was right at its time.
                let Referred { quote, files } =
                    if view.has_earlier_try(publication) { checked.unwrap_or_default() } else { checked? };
                let appended = append_message(table, view, publication, references, files);
                let appended = Box::pin(appended).await?;
                let reply_to = quote.as_ref().map(|quote| quote.seq);
                let quote = match reply_to.filter(|seq| view.rewrites(*seq)) {
                    None => quote,
                    Some(seq) => read_quote(table, &publication.channel, seq).await?,
                };
                Ok((appended, quote))
            }
            _ => Ok((table.append(view, publication).await?, None)),
        }
    }
}

/// Appends a message with the files that it brings. They are read again whenever one of them has been examined meanwhile.
async fn append_message(
    table: &Table,
    view: &mut LogView,
    publication: &Publication,
    references: &References,
    mut files: Vec<StoredFile>,
) -> Result<Append, Error> {
    if files.is_empty() {
        return table.append(view, publication).await;
    }
    let mut publication = publication.clone();
    for _ in 0..FILE_ROUNDS_MAX {
        if let Some(appended) = table.append_with_files(view, &publication, &files).await? {
            return Ok(appended);
        }
        files = read_files(table, &publication, references).await?;
        publication = with_files(publication, &files)?;
    }
    Err(Error::Internal("the files of a message kept changing".into()))
}

fn with_files(publication: Publication, files: &[StoredFile]) -> Result<Publication, Error> {
    if files.is_empty() {
        return Ok(publication);
    }
    publication.with_attachments(files.iter().map(|file| file.file.clone()).collect())
}

/// Reads what a message replies to and the files that it brings, and checks that the users whom it mentions take part in the
/// conversation, have read in it, or are in it now.
async fn check(table: &Table, publication: &Publication, references: &References) -> Result<Referred, Error> {
    let References { reply_to, mentions, .. } = references;
    let channel = &publication.channel;
    let quote = async {
        let Some(seq) = *reply_to else { return Ok(None) };
        let quote = read_quote(table, channel, seq).await?;
        let unknown = || Error::invalid("replyTo", "must be the seq of a message of this conversation");
        quote.ok_or_else(unknown).map(Some)
    };
    let (quote, (), files) = tokio::try_join!(
        quote,
        check_mentions(table, channel, mentions),
        read_files(table, publication, references)
    )?;
    Ok(Referred { quote, files })
}

/// Reads the files that a message brings: they must be its sender's, or the backend's if that has sent it, for this conversation, uploaded, not refused, and of no
/// other message.
async fn read_files(
    table: &Table,
    publication: &Publication,
    References { attachments: ids, files_of, .. }: &References,
) -> Result<Vec<StoredFile>, Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sender = publication.from.as_ref().map(|sender| &sender.user_id);
    let found = table.files(ids).await?;
    let checked = found.into_iter().enumerate().map(|(place, found)| {
        let wrong = |reason| Error::invalid(&format!("attachments[{place}]"), reason);
        let is_own = |file: &StoredFile| {
            let is_theirs = match (files_of, &file.owner) {
                (FilesOf::Sender, FileOwner::User(owner)) => Some(owner) == sender,
                (FilesOf::Backend, FileOwner::Backend) => true,
                (FilesOf::Sender, FileOwner::Backend) | (FilesOf::Backend, FileOwner::User(_)) => false,
            };
            is_theirs && file.channel == publication.channel
        };
        let file = found.filter(is_own).ok_or_else(|| {
            wrong("must be a file of the sender's own that was created for this conversation")
        })?;
        match file.file.state {
            _ if file.message.is_some() => Err(wrong("must not be in another message already")),
            FileState::Uploading => Err(wrong("must have been uploaded, and completed")),
            FileState::Refused => Err(wrong("must not have been refused")),
            FileState::Checking | FileState::Ready => Ok(file),
        }
    });
    checked.collect()
}

/// The quote of a message; `None` if there is none at this place.
async fn read_quote(table: &Table, channel: &Channel, seq: Seq) -> Result<Option<Quote>, Error> {
    table.stored_message(channel, seq).await?.map_or(Ok(None), |message| message.quote())
}

async fn check_mentions(table: &Table, channel: &Channel, mentions: &[UserId]) -> Result<(), Error> {
    let Channel::Conversation(conversation) = channel else { return Ok(()) };
    if mentions.is_empty() {
        return Ok(());
    }
    let mut unknown: BTreeSet<&UserId> = mentions.iter().collect();
    let known = table.known_in_conversation(conversation, unknown.iter().copied()).await?;
    unknown.retain(|user| !known.contains(*user));
    for user in unknown {
        if table.members_of_user(channel, user).await?.is_empty() {
            let place = mentions.iter().position(|mention| mention == user).unwrap_or_default();
            let reason = "must be a user who takes part in this conversation";
            return Err(Error::invalid(&format!("mentions[{place}]"), reason));
        }
    }
    Ok(())
}

/// Has a change made by the team, if its author is of the team and only the team may make it: 1 read in that case.
///
/// # Errors
/// [`Error::Internal`] if the table fails.
pub(super) async fn with_moderator(
    access: &Access,
    caller: Caller<'_>,
    mut publication: Publication,
    subject: &Subject,
) -> Result<Publication, Error> {
    if let (Effect::Change(change), Subject::Message(Some(message))) = (&mut publication.effect, subject)
        && change.needs_moderator(&message.message()?)
        && access.is_team(caller, &publication.channel).await?
    {
        change.by = ChangeAuthor::Moderator(caller.identity().user.clone());
    }
    Ok(publication)
}
