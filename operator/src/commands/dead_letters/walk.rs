//! The walk through the dead-letter queue, which shows again in the end what was left.
//!
//! SQS neither lists its messages nor counts them exactly, and a receive may bring none although there are some. So the walk only
//! ends when several receives in a row have brought nothing, and says how many letters were counted that it has not seen.

use std::collections::BTreeMap;

use anyhow::{Context as _, Error, Result, anyhow};
use funnelcast_aws::account::mail::{Mail, Mailbox, Received};
use serde::Serialize;

use super::letter::Letter;
use crate::{
    output::{Progress, count},
    stack::Stack,
};

/// After how many receives in a row without a message the walk ends, while letters are missing that were counted.
const EMPTY_MAX: u32 = 3;

/// A walk through the dead-letter queue.
pub(super) struct Walk {
    pub(super) mailbox: Mailbox,
    /// What is to be shown again, by the ids of the messages.
    left: BTreeMap<String, Mail>,
    progress: Progress,
    /// How many letters it has seen.
    pub(super) looked_at: usize,
    /// How many letters there were about at the beginning, and how many of them were hidden by other readers.
    about: usize,
    hidden: usize,
    /// Whether there are none for certain. SQS itself only counts approximately.
    is_empty: bool,
}

/// About how many letters a walk has not seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Unseen {
    /// Those that another reader hides.
    hidden: usize,
    /// Those that were counted, and that SQS has not given.
    missing: usize,
}

/// Receives in a row that have brought nothing new.
#[derive(Debug, Default)]
struct Lull {
    empty: u32,
    again: usize,
}

impl Walk {
    pub(super) async fn begin(stack: &Stack) -> Result<Self> {
        let url = stack.variable("DEAD_LETTERS_URL").context("the functions name no dead-letter queue")?;
        let queue = stack.account.queue(url).await?.with_context(|| format!("there is no queue {url}"))?;
        let number = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
        let about = number(queue.waiting + queue.hidden);
        Ok(Self {
            mailbox: stack.account.mailbox(url),
            left: BTreeMap::new(),
            progress: Progress::of("letters received"),
            looked_at: 0,
            about,
            hidden: number(queue.hidden),
            is_empty: about == 0 && stack.account.is_local(),
        })
    }

    /// The next letters; none at the end.
    pub(super) async fn next(&mut self) -> Result<Vec<Letter>> {
        let mut lull = Lull::default();
        while !self.is_empty {
            let Received { new, again } = self.mailbox.next().await?;
            if !new.is_empty() {
                self.keep(again);
                self.looked_at += new.len();
                self.progress.at(self.looked_at);
                return Ok(new.into_iter().map(Letter::read).collect());
            }
            self.is_empty = lull.is_end(again.len(), self.looked_at, self.about);
            self.keep(again);
        }
        Ok(Vec::new())
    }

    /// Leaves a letter where it is.
    pub(super) fn leave(&mut self, letter: Letter) {
        self.keep([letter.mail]);
    }

    fn keep(&mut self, mail: impl IntoIterator<Item = Mail>) {
        self.left.extend(mail.into_iter().map(|mail| (mail.id.clone(), mail)));
    }

    /// Whether letters were counted that this walk has not seen.
    pub(super) const fn has_more(&self) -> bool {
        self.about > self.looked_at
    }

    /// About how many letters this walk has not seen.
    pub(super) fn unseen(&self) -> Unseen {
        Unseen::of(self.about, self.hidden, self.looked_at)
    }

    /// Shows again what was left.
    pub(super) async fn end(self) -> Result<()> {
        let left: Vec<Mail> = self.left.into_values().collect();
        let released = self.mailbox.release(&left).await;
        released.context("the letters that were left could not be shown again, and are hidden for 2 minutes")
    }
}

impl Unseen {
    /// SQS counts late what has just been shown again.
    fn of(about: usize, hidden: usize, looked_at: usize) -> Self {
        let unseen = about.saturating_sub(looked_at);
        let hidden = hidden.min(unseen);
        Self { hidden, missing: unseen - hidden }
    }

    /// What a walk that ended before the end of the queue can know of.
    pub(super) const fn hidden_alone(self) -> Self {
        Self { missing: 0, ..self }
    }

    /// Whether the walk has seen all.
    pub(super) fn is_none(self) -> bool {
        self == Self::default()
    }

    /// That there are letters which were not seen; nothing if there are none.
    pub(super) fn text(self) -> Option<String> {
        let more = |number| count(number, "more letter");
        let hidden = (self.hidden > 0).then(|| {
            format!(
                "another reader hides about {} (a command that was interrupted does so for 2 minutes)",
                more(self.hidden)
            )
        });
        let missing = (self.missing > 0).then(|| {
            format!(
                "SQS has counted about {} that it did not give (its count may be a minute old)",
                more(self.missing)
            )
        });
        let texts: Vec<String> = hidden.into_iter().chain(missing).collect();
        (!texts.is_empty()).then(|| texts.join("; ") + "; try again later")
    }
}

impl Lull {
    /// Whether the walk is at its end after one more receive without a new letter, which brought `again` that it has seen.
    fn is_end(&mut self, again: usize, looked_at: usize, about: usize) -> bool {
        self.again += again;
        self.empty = if again == 0 { self.empty + 1 } else { 0 };
        let empty_max = if looked_at < about { EMPTY_MAX } else { 1 };
        // What comes again and again would have no end in a queue that takes longer than letters are hidden.
        self.empty >= empty_max || self.again > looked_at.max(about)
    }
}

/// What of a walk and of its end has failed, as one error.
pub(super) fn failure(walked: Result<()>, ended: Result<()>) -> Option<Error> {
    match (walked, ended) {
        (Err(walked), Err(ended)) => Some(anyhow!("{walked:#}; {ended:#}")),
        (walked, ended) => walked.and(ended).err(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_seen_is_counted() {
        let unseen = |about, hidden, looked_at| {
            let Unseen { hidden, missing } = Unseen::of(about, hidden, looked_at);
            (hidden, missing)
        };
        assert_eq!(unseen(3, 0, 3), (0, 0));
        assert_eq!(unseen(3, 2, 1), (2, 0));
        assert_eq!(unseen(3, 3, 0), (3, 0));
        // They were shown again since, or the count was late.
        assert_eq!(unseen(3, 2, 3), (0, 0));
        assert_eq!(unseen(500, 0, 20), (0, 480));
        assert_eq!(unseen(500, 10, 20), (10, 470));
        assert!(Unseen::default().is_none() && Unseen::default().text().is_none());
        let text = Unseen { hidden: 2, missing: 480 }.text().unwrap();
        assert!(text.starts_with("another reader hides about 2 more letters"), "{text}");
        assert!(text.contains("SQS has counted about 480 more letters"), "{text}");
    }

    #[test]
    fn the_walk_ends_after_several_empty_receives() {
        let mut lull = Lull::default();
        // 500 were counted: two empty receives are no end, nor are some that were seen.
        let ends = [0, 0, 10, 0, 0, 0].map(|again| lull.is_end(again, 20, 500));
        assert_eq!(ends, [false, false, false, false, false, true]);
        assert!(Lull::default().is_end(0, 3, 3), "all that were counted have been seen");
        let mut lull = Lull::default();
        let rounds = (1..1_000).find(|_| lull.is_end(10, 500, 500));
        assert_eq!(rounds, Some(51), "all have come again");
    }
}
