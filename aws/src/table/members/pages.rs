//! All members of a channel, shard by shard and page by page, and a cursor to continue from.

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, Error};
use serde::{Deserialize, Serialize};

use super::member::Member;
use crate::table::{
    item::{Item, Table, failed, from_item, sk},
    key,
};

impl Table {
    /// The channel's members, shard by shard and page by page, including those that nothing is posted to any more.
    pub fn members<'a>(&'a self, channel: &'a Channel) -> MemberPages<'a> {
        self.members_from(channel, Cursor::start(channel))
    }

    /// The channel's members from a cursor on.
    pub fn members_from<'a>(&'a self, channel: &'a Channel, cursor: Cursor) -> MemberPages<'a> {
        MemberPages { store: self, channel, cursor, page_size: None }
    }

    /// The channel's members if there are at most `members_max`, else `None`: 1 read per shard.
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

/// A cursor among a channel's members: a range of its shards, and where to continue in the first of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cursor {
    /// The shard to read.
    pub shard: u8,
    /// The shard to stop before.
    pub end: u8,
    /// The sort key to continue after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

impl Cursor {
    /// The cursor before the first member.
    pub fn start(channel: &Channel) -> Self {
        Self { shard: 0, end: channel.kind().policy().shards, after: None }
    }

    /// Whether no member can follow.
    pub const fn is_end(&self) -> bool {
        self.shard >= self.end
    }
}

/// The pages of [`Table::members`].
#[derive(Debug)]
pub struct MemberPages<'a> {
    store: &'a Table,
    channel: &'a Channel,
    cursor: Cursor,
    page_size: Option<i32>,
}

impl MemberPages<'_> {
    /// Limits the members per page. Without a limit, a page has the 1 MB of DynamoDB.
    #[must_use]
    pub fn page_size(mut self, members_max: usize) -> Self {
        self.page_size = i32::try_from(members_max).ok();
        self
    }

    /// The cursor of the next page.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Restricts this to the present shard if that has more pages, and returns the cursors of the other shards.
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
