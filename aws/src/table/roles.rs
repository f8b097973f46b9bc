//! The rows of the roles: a user's role in a place, which is a company or an experience, as Whop has answered.
//! `funnelcast-realtime` asks Whop, and decides how long an answer is valid.

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Error, Timestamp, UserId, identity::Role};
use serde::{Deserialize, Serialize};

use super::{
    item::{Table, failed, from_item, if_met, to_item},
    key,
};

/// What is known of a user's role in a company or an experience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoleState {
    /// The user has this role.
    Is(Role),
    /// The user has no role.
    #[serde(rename = "stranger")]
    NoRole,
    /// A process is asking Whop.
    Asking,
    /// Whop did not answer.
    Unknown,
}

#[derive(Debug, Serialize, Deserialize)]
struct RoleRow {
    pk: String,
    sk: String,
    state: RoleState,
    until: Timestamp,
    ttl: i64,
}

impl Table {
    /// What is known of a role at this time, and until when that is valid: 1 read.
    pub async fn role_state(
        &self,
        user: &UserId,
        place: &str,
        now: Timestamp,
    ) -> Result<Option<(RoleState, Timestamp)>, Error> {
        let get = self.get(key::role(user), place.to_owned());
        let item = get.send().await.map_err(failed("GetItem of a role"))?.item;
        let row: Option<RoleRow> = item.map(from_item).transpose()?;
        Ok(row.filter(|row| now < row.until).map(|row| (row.state, row.until)))
    }

    /// Records that Whop is being asked until `until`, unless another process is asking or a valid answer is known: 1
    /// write. Returns whether it was recorded.
    pub async fn begin_asking(
        &self,
        user: &UserId,
        place: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<bool, Error> {
        let row = RoleRow::new(user, place, RoleState::Asking, until);
        self.put_role(row, "attribute_not_exists(pk) OR #until <= :at", now).await
    }

    /// Writes the answer to the request that was recorded with `asking_until`: 1 write. Returns whether it was
    /// written. It is not if the request has been discarded in the meantime, or was taken over by another process.
    pub async fn put_answer(
        &self,
        user: &UserId,
        place: &str,
        (state, until): (RoleState, Timestamp),
        asking_until: Timestamp,
    ) -> Result<bool, Error> {
        self.put_role(RoleRow::new(user, place, state, until), "#until = :at", asking_until).await
    }

    /// Deletes what is known of a role, and any request that is under way: 1 write.
    pub async fn forget_role(&self, user: &UserId, place: &str) -> Result<(), Error> {
        let delete = self.delete(key::role(user), place.to_owned()).send().await;
        delete.map(drop).map_err(failed("DeleteItem of a role"))
    }

    /// Writes a row, if the condition that compares the end (`#until`) of the present row with this time (`:at`) is
    /// met.
    async fn put_role(&self, row: RoleRow, condition: &str, at: Timestamp) -> Result<bool, Error> {
        let put = self
            .put(to_item(row)?)
            .condition_expression(condition)
            .expression_attribute_names("#until", "until")
            .expression_attribute_values(":at", AttributeValue::S(at.to_string()));
        Ok(if_met("PutItem of a role", put.send().await)?.is_some())
    }
}

impl RoleRow {
    fn new(user: &UserId, place: &str, state: RoleState, until: Timestamp) -> Self {
        Self { pk: key::role(user), sk: place.to_owned(), state, until, ttl: until.as_secs() }
    }
}
