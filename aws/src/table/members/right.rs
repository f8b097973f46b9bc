//! The right by which a user is a member changes: they lose one right and have another, or come by a better one; or whether
//! they may send changes.

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, Error, Right, moderation::Mute};

use super::{Member, member_key};
use crate::table::item::{Item, Table, if_met, to_attribute, to_item};

/// The attributes that say by what right a user is a member.
const ATTRIBUTES: [&str; 3] = ["grant", "spareGrant", "teamOf"];

impl Table {
    /// Writes down that a member is one by another right than before: 1 write. A membership that has ended in the meantime
    /// stays ended, and one of a later `join` stays as it is.
    pub async fn set_right(&self, channel: &Channel, member: &Member, right: Right) -> Result<(), Error> {
        let member = member.clone().with_right(right);
        let (pk, sk) = member_key(&member.user, &member.connection, channel);
        let mut item: Item = to_item(&member)?;
        let mut update = self
            .update(pk, sk)
            .condition_expression("joinOrder = :join AND attribute_not_exists(departedAt)")
            .expression_attribute_values(":join", AttributeValue::N(member.join_order.to_string()));
        let (mut set, mut remove) = (Vec::new(), Vec::new());
        for name in ATTRIBUTES {
            update = update.expression_attribute_names(format!("#{name}"), name);
            match item.remove(name) {
                Some(value) => {
                    set.push(format!("#{name} = :{name}"));
                    update = update.expression_attribute_values(format!(":{name}"), value);
                }
                None => remove.push(format!("#{name}")), // at least one: a member has no company beside a grant in force
            }
        }
        let set = if set.is_empty() { String::new() } else { format!("SET {} ", set.join(", ")) };
        let update = update.update_expression(format!("{set}REMOVE {}", remove.join(", ")));
        if_met("UpdateItem of a membership", update.send().await).map(drop)
    }

    /// Writes down why a member may not send, or that they may: 1 write. A membership that has ended in the meantime stays
    /// ended, and one of a later `join` stays as it is.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn set_mute(
        &self,
        channel: &Channel,
        member: &Member,
        mute: Option<&Mute>,
    ) -> Result<(), Error> {
        let (pk, sk) = member_key(&member.user, &member.connection, channel);
        let update = self
            .update(pk, sk)
            .condition_expression("joinOrder = :join AND attribute_not_exists(departedAt)")
            .expression_attribute_values(":join", AttributeValue::N(member.join_order.to_string()));
        let update = match mute {
            Some(mute) => update
                .update_expression("SET mute = :mute")
                .expression_attribute_values(":mute", to_attribute(mute)?),
            None => update.update_expression("REMOVE mute"),
        };
        if_met("UpdateItem of a membership", update.send().await).map(drop)
    }
}
