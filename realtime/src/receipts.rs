//! Receipts: up to where each user has received and read a conversation. So it is known of every message which users
//! have read it, which have received it, and which have not.

use std::collections::{HashMap, HashSet};

use funnelcast_aws::table::receipts::{Receipts, Watermark};
use funnelcast_core::{
    Caller, Channel, Error, Identity, SocketCaller, UserId,
    action::{Ack, Acked, ReceiptBook, ReceiptsQuery, UserReceipts},
    event::{EventName, Receipt, ReceiptState},
    frame::{Event, Sender},
    grant::Capability,
    inbox::InboxUpdate,
    size::Room,
};

use crate::{
    access::Access,
    context::Realtime,
    deliver::{self, Delivery},
    digest,
    rates::SENDS,
};

/// Raises the caller's watermark: 2 reads, side by side if the caller has acked here before, and 1 write; if the
/// watermark rises, 1 read and N - 1 posts, and of what is read 1 read and 1 post for each further device of the user, so that
/// no inbox of theirs shows it as unread. By HTTP no connection of the user's has acked, so all of them are posted to.
///
/// # Errors
/// [`Error::Forbidden`] on a channel without receipts; [`Error::NotJoined`] if the caller's connection is no member, and
/// [`Error::Forbidden`] or [`Error::Banned`] if an HTTP caller may not join; [`Error::NotFound`] if there is no such message, as
/// a message that was never written cannot have been read; [`Error::RateLimited`] if the user acks too fast.
pub async fn ack(realtime: &Realtime, caller: Caller<'_>, ack: Ack) -> Result<Acked, Error> {
    let Ack { channel, seq, state } = ack;
    if channel.kind().policy().lane(EventName::ChatReceipt).is_none() {
        return Err(Error::Forbidden("this channel has no receipts"));
    }
    let (access, Identity { user, name, .. }) = (&realtime.access, caller.identity());
    access.rates.admit(&SENDS, user, caller.now()).await?;
    let read = access.table.messages_up_to(&channel, seq);
    let n = access.read_as(caller, &channel, Capability::Join, read).await?;
    let n = n.ok_or(Error::NotFound("the message"))?;
    let is_read = state == ReceiptState::Read;
    if let Watermark::Stays(at) = access.table.raise_watermark(&channel, user, (seq, n), state).await? {
        return Ok(Acked { seq: at.seq, read_n: is_read.then_some(at.n) });
    }
    let receipt = Receipt { user_id: user.clone(), seq, state };
    let event = Event {
        channel,
        event: EventName::ChatReceipt,
        seq: None,
        at: caller.now(),
        from: Some(Sender { user_id: user.clone(), name: name.clone() }),
        key: None,
        data: serde_json::value::to_raw_value(&receipt)
            .map_err(|error| Error::internal("a receipt", &error))?,
    };
    let tell_others = async {
        let Channel::Conversation(conversation) = &event.channel else { return Ok(()) };
        if !is_read {
            return Ok(());
        }
        let update = InboxUpdate {
            conversation_id: conversation.clone(),
            company_id: None,
            n: None,
            last: None,
            read_n: Some(n),
        };
        let except = caller.connection().cloned().into_iter().collect();
        digest::tell_user(realtime, user, &update, &except, caller.now()).await
    };
    let delivery = Delivery::to_all(event.clone(), caller.connection().cloned());
    tokio::try_join!(deliver::deliver(realtime, delivery), tell_others)?;
    Ok(Acked { seq, read_n: is_read.then_some(n) })
}

/// Lists all participants, whether they have acked or not, and every other user who has acked: members of the
/// company's team are only known by their acks.
///
/// # Errors
/// [`Error::Forbidden`] on a channel without receipts; [`Error::NotJoined`] if the caller's connection is no member.
pub async fn receipts(
    access: &Access,
    caller: &SocketCaller,
    query: ReceiptsQuery,
) -> Result<ReceiptBook, Error> {
    let ReceiptsQuery { channel } = query;
    let Channel::Conversation(conversation) = &channel else {
        return Err(Error::Forbidden("this channel has no receipts"));
    };
    let read =
        async { tokio::try_join!(access.table.participants(conversation), access.table.receipts(&channel)) };
    let (participants, acked) =
        access.read_as(Caller::Socket(caller), &channel, Capability::Join, Box::pin(read)).await?;
    Ok(fitting(book(participants, acked)))
}

/// Truncates the list to what a reply can hold.
fn fitting(mut users: Vec<UserReceipts>) -> ReceiptBook {
    let mut room = Room::beside(&ReceiptBook { users: Vec::new(), more: true });
    let fit = room.fitting(&users);
    let more = fit < users.len();
    users.truncate(fit);
    ReceiptBook { users, more }
}

fn book(
    participants: impl IntoIterator<Item = UserId>,
    mut acked: HashMap<UserId, Receipts>,
) -> Vec<UserReceipts> {
    let takes_part: HashSet<UserId> = participants.into_iter().collect();
    for participant in &takes_part {
        acked.entry(participant.clone()).or_default();
    }
    let of_user = |(user_id, Receipts { delivered, read, .. })| UserReceipts { user_id, delivered, read };
    let mut users: Vec<_> = acked.into_iter().map(of_user).collect();
    users.sort_by(|a, b| a.user_id.cmp(&b.user_id));
    // Participants first: if some do not fit, users who only acked are cut off.
    users.sort_by_key(|user| !takes_part.contains(&user.user_id));
    users
}

#[cfg(test)]
mod tests {
    use funnelcast_core::{inbox::ReadMark, size};

    use super::*;

    #[test]
    fn participants_and_users_who_acked_are_listed() {
        let [ann, bob, cid]: [UserId; 3] = ["ann", "bob", "cid"].map(|user| user.parse().unwrap());
        let three = 3.try_into().unwrap();
        let acked = [bob.clone(), cid.clone()]
            .map(|user| (user, Receipts { delivered: three, read: three, mark: ReadMark::default() }));
        let users = book([ann.clone(), bob.clone()], acked.into());
        let delivered: Vec<_> = users.into_iter().map(|of| (of.user_id, of.delivered.get())).collect();
        assert_eq!(delivered, [(ann, 0), (bob, 3), (cid, 3)]);
    }

    #[test]
    fn a_truncated_list_says_so() {
        let three = 3.try_into().unwrap();
        let three = Receipts { delivered: three, read: three, mark: ReadMark::default() };
        let user = |n: usize| format!("{n:0>64}").parse::<UserId>().unwrap();
        let participant: UserId = "zoe".parse().unwrap();
        let of = |count: usize| {
            fitting(book([participant.clone()], (0..count).map(|n| (user(n), three)).collect()))
        };
        assert!(!of(500).more);
        let many = of(2_000);
        assert!(many.more && many.users[0].user_id == participant);
        let bytes = size::json_bytes(&many);
        assert!(bytes < size::FRAME_BYTES_MAX - 512 && bytes > size::FRAME_BYTES_MAX - 2_048, "{bytes}");
    }
}
