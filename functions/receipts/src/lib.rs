//! `receipts`: how far everybody has come in a conversation; so, for any message, who has read it, who has it, and who has
//! not had it yet. One read to see that the caller is in it, and two side by side.

use std::collections::{HashMap, HashSet};

use funnelcast_aws::{
    Caller, Store,
    store::{Actor, receipts::Receipts},
};
use funnelcast_core::{
    Channel, Error, UserId,
    action::{ReceiptBook, ReceiptsQuery, UserReceipts},
    grant::Capability,
    size::Room,
};

/// Lists those who take part, acked or not, and whoever else has acked: the company's team is known by that alone.
///
/// # Errors
/// [`Error::Forbidden`] on a channel without receipts; [`Error::NotJoined`] where the caller's connection is no member.
pub async fn handle(store: &Store, caller: &Caller, query: ReceiptsQuery) -> Result<ReceiptBook, Error> {
    let ReceiptsQuery { channel } = query;
    let Channel::Conversation(conversation) = &channel else {
        return Err(Error::Forbidden("this channel has no receipts"));
    };
    let read = async { tokio::try_join!(store.participants(conversation), store.receipts(&channel)) };
    let (participants, acked) =
        store.read_as(Actor::Member(caller), &channel, Capability::Join, Box::pin(read)).await?;
    Ok(fitting(book(participants, acked)))
}

/// As many as a reply holds.
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
    let of_user = |(user_id, Receipts { delivered, read })| UserReceipts { user_id, delivered, read };
    let mut users: Vec<_> = acked.into_iter().map(of_user).collect();
    users.sort_by(|a, b| a.user_id.cmp(&b.user_id));
    users.sort_by_key(|user| !takes_part.contains(&user.user_id)); // what does not fit is of those who only acked
    users
}

#[cfg(test)]
mod tests {
    use funnelcast_core::size;

    use super::*;

    #[test]
    fn who_never_acked_is_listed_and_who_acked_from_outside_too() {
        let [ann, bob, cid]: [UserId; 3] = ["ann", "bob", "cid"].map(|user| user.parse().unwrap());
        let three = 3.try_into().unwrap();
        let acked = [bob.clone(), cid.clone()].map(|user| (user, Receipts { delivered: three, read: three }));
        let users = book([ann.clone(), bob.clone()], acked.into());
        let delivered: Vec<_> = users.into_iter().map(|of| (of.user_id, of.delivered.get())).collect();
        assert_eq!(delivered, [(ann, 0), (bob, 3), (cid, 3)]);
    }

    #[test]
    fn who_does_not_fit_is_told_of() {
        let three = Receipts { delivered: 3.try_into().unwrap(), read: 3.try_into().unwrap() };
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
