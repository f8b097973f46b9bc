//! All members of a channel, page by page and shard by shard, and a place among them to go on from.

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, Error};
use serde::{Deserialize, Serialize};

use super::member::Member;
use crate::table::{
    item::{Item, Table, failed, from_item, sk},
    key,
};

impl Table {
    /// The channel's members, page by page, shard by shard; also those that hear nothing any more.
    pub fn members<'a>(&'a self, channel: &'a Channel) -> MemberPages<'a> {
        self.members_from(channel, Cursor::start(channel))
    }

    /// The channel's members from a place on.
    pub fn members_from<'a>(&'a self, channel: &'a Channel, cursor: Cursor) -> MemberPages<'a> {
        MemberPages { store: self, channel, cursor, page_size: None }
    }

    /// The channel's members, if they are no more than `members_max`: 1 read a shard.
    pub async fn few_members(
        &self,
        channel: &Channel,
        members_max: usize,
    ) -> Result<Option<Vec<Member>>, Error> {
        let mut members = Vec::new();
        let mut pages = self.members(channel).page_size(members_max + 1);
        while let Some(page) = pages.next().await? {
            members.extend(page);
            if members.len() > members_max {
                return Ok(None);
            }
        }
        Ok(Some(members))
    }
}

/// A place among a channel's members: some of its shards, and how far the first of them has been read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cursor {
    /// The shard to read.
    pub shard: u8,
    /// The shard to stop before.
    pub end: u8,
    /// The sort key to go on behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Cursor {
    /// Before the first member.
    pub fn start(channel: &Channel) -> Self {
        Self { shard: 0, end: channel.kind().policy().shards, after: None }
    }

    /// Whether there is nothing behind it.
    pub const fn is_end(&self) -> bool {
        self.shard >= self.end
    }
}

/// See [`Table::members`].
#[derive(Debug)]
pub struct MemberPages<'a> {
    store: &'a Table,
    channel: &'a Channel,
    cursor: Cursor,
    page_size: Option<i32>,
}

impl MemberPages<'_> {
    /// Pages of at most this many; DynamoDB's 1 MB where it is not called.
    #[must_use]
    pub fn page_size(mut self, members_max: usize) -> Self {
        self.page_size = i32::try_from(members_max).ok();
        self
    }

    /// Where the next page begins.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Keeps to the shard at hand, where that has more pages; where whoever takes the others is to begin.
    pub fn leave_other_shards(&mut self) -> Vec<Cursor> {
        let Cursor { shard, end, after: Some(_) } = self.cursor else { return Vec::new() };
        self.cursor.end = shard + 1;
        (shard + 1..end).map(|shard| Cursor { shard, end: shard + 1, after: None }).collect()
    }

    /// The next page; `None` after the last. A page may be empty.
    pub async fn next(&mut self) -> Result<Option<Vec<Member>>, Error> {
        if self.cursor.is_end() {
            return Ok(None);
        }
        let pk = key::members(self.channel, self.cursor.shard);
        let start = self.cursor.after.take().map(|sk| start_key(pk.clone(), sk));
        let query = self.store.query(pk).set_limit(self.page_size).set_exclusive_start_key(start);
        let page = query.send().await.map_err(failed("Query of members"))?;
        match page.last_evaluated_key {
            Some(last) => self.cursor.after = Some(sk(&last).to_owned()),
            None => self.cursor.shard += 1,
        }
        page.items.unwrap_or_default().into_iter().map(from_item).collect::<Result<_, _>>().map(Some)
    }
}

fn start_key(pk: String, sk: String) -> Item {
    Item::from([("pk".to_owned(), AttributeValue::S(pk)), ("sk".to_owned(), AttributeValue::S(sk))])
}
