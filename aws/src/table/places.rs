//! Where a user has left something: `OF#user` in the index `byActivity`, so that it is found without a scan when the user is
//! exported or erased.
//!
//! The index has an entry for each of a user's rows of receipts, and for each of their files. The rows of receipts lead to the
//! conversations in which they have ever written, acknowledged or taken part: whoever writes one gives it the two attributes of the
//! index, and where there is none yet, one without any receipt is made ([`Table::note_place`]). They stay when the user leaves.
//! The entry is written once, because later changes of the row do not concern the index.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use funnelcast_core::{Channel, ConversationId, Error, FileId, UserId};

use super::{
    item::{Table, failed, if_met, pk, update_contended},
    key,
};

/// Where a user has left something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Conversations.
    pub conversations: BTreeSet<ConversationId>,
    /// Files.
    pub files: BTreeSet<FileId>,
}

impl Table {
    /// Notes that a user has left something in a channel, unless that is noted: 1 write, and 1 of the index the first time.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn note_place(&self, channel: &Channel, user: &UserId) -> Result<(), Error> {
        let update = self
            .update(key::receipts(channel), user.to_string())
            .update_expression("SET inbox = :of, activeAt = :zero")
            .condition_expression("attribute_not_exists(inbox)")
            .expression_attribute_values(":of", AttributeValue::S(key::places(user)))
            .expression_attribute_values(":zero", AttributeValue::N("0".to_owned()));
        update_contended("UpdateItem of a place", update).await.map(drop)
    }

    /// Where a user has left something, also the conversations that they take part in: 2 queries of the index, half a read unit
    /// for some 40 entries. The index follows the table by some milliseconds.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn places(&self, user: &UserId) -> Result<Places, Error> {
        let mut places = Places::default();
        for inbox in [key::user_inbox(user), key::places(user)] {
            let pages = self.query_index(inbox).projection_expression("pk").into_paginator().items().send();
            let items = pages.collect::<Result<Vec<_>, _>>().await.map_err(failed("Query of places"))?;
            for item in items {
                let pk = pk(&item);
                if let Some(file) = pk.strip_prefix(key::FILE_PREFIX) {
                    places.files.insert(file.parse()?);
                } else if let Some(channel) = pk.strip_prefix(key::RECEIPTS_PREFIX) {
                    if let Channel::Conversation(conversation) = channel.parse()? {
                        places.conversations.insert(conversation);
                    }
                } else {
                    places.conversations.insert(key::parse_conversation(pk)?);
                }
            }
        }
        Ok(places)
    }

    /// Removes the receipts of a user, but not that they have left something here: 1 write.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn forget_receipts(&self, channel: &Channel, user: &UserId) -> Result<(), Error> {
        let update = self
            .update(key::receipts(channel), user.to_string())
            .update_expression("REMOVE delivered, deliveredBy, #read, readBy, readN, sentN")
            .condition_expression("attribute_exists(pk)")
            .expression_attribute_names("#read", "read");
        update_contended("UpdateItem of receipts", update).await.map(drop)
    }

    /// Forgets that a user has left something here, once that is no longer so: 1 write, and 1 of the index.
    ///
    /// # Errors
    /// [`Error::Internal`] if the table fails.
    pub async fn forget_place(&self, channel: &Channel, user: &UserId) -> Result<(), Error> {
        let delete = self.delete(key::receipts(channel), user.to_string());
        if_met("DeleteItem of a place", delete.send().await).map(drop)
    }
}
