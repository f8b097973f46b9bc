//! All keys of the table.

use funnelcast_core::{
    Channel, CompanyId, ConnectionId, ConversationId, Error, FileId, Key, Seq, UserId, action::MessagePlace,
};

/// The sort key of what is known of the erasure of a user, beside what restricts them.
pub(super) const ERASURE: &str = "ERASURE";

/// The sort key of an item that is alone in its partition.
pub(super) const META: &str = "META";

/// The sort key of what an inbox knows of a conversation.
pub(super) const ACTIVITY: &str = "ACTIVITY";

/// The sort key of a conversation's call among its latest values.
pub(super) const CALL: &str = "call";

/// The sort key of a log's marker. It sorts before every seq, so it comes last when a log is read backwards.
pub(super) const LOG_START: &str = "#start";

/// The prefixes of the partitions by which the stream is filtered. The sort key of a connection has a prefix of its
/// own.
pub(super) const USER_PREFIX: &str = "USER#";
pub(super) const LOG_PREFIX: &str = "LOG#";
pub(super) const OUTBOX_PREFIX: &str = "OUTBOX#";

/// The prefix of the partition of a channel's receipts, followed by the channel.
pub(super) const RECEIPTS_PREFIX: &str = "READ#";

/// The prefix of a file's partition, followed by its id.
pub(super) const FILE_PREFIX: &str = "FILE#";

/// The prefix of a conversation's partition, followed by its id.
const CONVERSATION_PREFIX: &str = "CONV#";

/// The prefix of a connection's sort key, followed by its id.
pub(super) const CONNECTION_PREFIX: &str = "CONN#";

/// The prefix of the partition of what restricts a user in companies.
pub(super) const RESTRICTED_PREFIX: &str = "MODS#";

/// The prefix of a participant's sort key, followed by the user.
pub(super) const PARTICIPANT_PREFIX: &str = "USER#";

/// The partition of all connections of a user.
pub(super) fn user(user: &UserId) -> String {
    format!("{USER_PREFIX}{user}")
}

pub(super) fn connection(id: &ConnectionId) -> String {
    format!("{CONNECTION_PREFIX}{id}")
}

pub(super) fn members(channel: &Channel, shard: u8) -> String {
    format!("CH#{channel}#{shard}")
}

/// The user comes first, so that the connections of one user are adjacent.
pub(super) fn member(user: &UserId, connection: &ConnectionId) -> String {
    format!("{}{connection}", member_prefix(user))
}

/// The prefix of the sort keys of one user's memberships, and of no other user's, because no id contains a `#`.
pub(super) fn member_prefix(user: &UserId) -> String {
    format!("{user}#")
}

pub(super) fn log(channel: &Channel) -> String {
    format!("{LOG_PREFIX}{channel}")
}

/// Padded to the width of [`Seq::MAX`], so that the texts sort like the numbers.
pub(super) fn seq(seq: Seq) -> String {
    format!("{:016}", seq.get())
}

pub(super) fn parse_seq(sk: &str) -> Result<Seq, Error> {
    let number: u64 = sk.parse().map_err(|error| Error::internal("a log's sort key", &error))?;
    number.try_into()
}

pub(super) fn latest(channel: &Channel) -> String {
    format!("LAST#{channel}")
}

pub(super) fn receipts(channel: &Channel) -> String {
    format!("{RECEIPTS_PREFIX}{channel}")
}

pub(super) fn count(channel: &Channel) -> String {
    format!("COUNT#{channel}")
}

/// The partition of what a channel's members were told of its users.
pub(super) fn told(channel: &Channel) -> String {
    format!("TOLD#{channel}")
}

pub(super) fn rate(user: &UserId) -> String {
    format!("RATE#{user}")
}

/// The partition of a user's roles, as Whop has answered; the sort key is the company.
pub(super) fn role(user: &UserId) -> String {
    format!("ROLE#{user}")
}

/// The partition of a ticket, by its hash: the ticket itself is in no table and no log.
pub(super) fn ticket(hash: &str) -> String {
    format!("TICKET#{hash}")
}

pub(super) fn webhook(id: &Key) -> String {
    format!("HOOK#{id}")
}

pub(super) fn outbox(channel: &Channel) -> String {
    format!("{OUTBOX_PREFIX}{channel}")
}

pub(super) fn file(id: &FileId) -> String {
    format!("{FILE_PREFIX}{id}")
}

pub(super) fn conversation(id: &ConversationId) -> String {
    format!("{CONVERSATION_PREFIX}{id}")
}

pub(super) fn parse_conversation(pk: &str) -> Result<ConversationId, Error> {
    pk.trim_start_matches(CONVERSATION_PREFIX).parse()
}

/// The partition of the users who are restricted in a conversation; the sort key is the user.
pub(super) fn restricted_in(id: &ConversationId) -> String {
    format!("MOD#{id}")
}

/// The partition of what restricts a user in companies.
pub(super) fn restricted(user: &UserId) -> String {
    format!("{RESTRICTED_PREFIX}{user}")
}

pub(super) fn participant(user: &UserId) -> String {
    format!("{PARTICIPANT_PREFIX}{user}")
}

/// The conversations of a company in the index `byActivity`.
pub(super) fn company_inbox(company: &CompanyId) -> String {
    format!("COMPANY#{company}")
}

/// The conversations of a participant in the index `byActivity`.
pub(super) fn user_inbox(user: &UserId) -> String {
    format!("USER#{user}")
}

/// What a user has left elsewhere than in the partitions of their own, in the index `byActivity`.
pub(super) fn places(user: &UserId) -> String {
    format!("OF#{user}")
}

/// The partition of the messages of a company that have a word which begins so.
pub(super) fn postings(company: &CompanyId, beginning: &str) -> String {
    format!("FIND#{company}#{beginning}")
}

/// The sort key of a message among those of several conversations. Such texts sort like the places, because `#` sorts before
/// what ids consist of.
pub(super) fn message_place(MessagePlace { at, conversation, seq: at_seq }: &MessagePlace) -> String {
    format!("{at:016}#{conversation}#{}", seq(*at_seq))
}

pub(super) fn parse_message_place(sk: &str) -> Result<MessagePlace, Error> {
    let mut parts = sk.split('#');
    let mut part = || parts.next().ok_or_else(|| Error::Internal(format!("a posting's sort key: {sk:?}")));
    let at = part()?.parse().map_err(|error| Error::internal("a posting's sort key", &error))?;
    Ok(MessagePlace { at, conversation: part()?.parse()?, seq: parse_seq(part()?)? })
}

/// The shard of the channel that a connection's membership is in: always the same one (FNV-1a of its id).
pub(super) fn shard(channel: &Channel, connection: &ConnectionId) -> u8 {
    let hash = connection
        .as_str()
        .bytes()
        .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let shards = u32::from(channel.kind().policy().shards);
    u8::try_from(hash % shards).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_sort_keys_is_that_of_seqs() {
        let keys: Vec<String> = [0, 1, 9, 10, 1_700_000_000_000, Seq::MAX.get()]
            .into_iter()
            .map(|n| seq(n.try_into().unwrap()))
            .collect();
        assert!(keys.is_sorted(), "{keys:?}");
        assert!(keys.iter().all(|key| key.len() == 16 && LOG_START < key.as_str()));
        assert_eq!(parse_seq(&keys[4]).unwrap().get(), 1_700_000_000_000);
    }

    #[test]
    fn the_order_of_messages_is_that_of_their_places() {
        let places = [
            (9, "a", 2),
            (10, "a", 9),
            (10, "a", 10),
            (10, "a-b", 1),
            (10, "ab", 1),
            (1_795_428_003_123, "a", 1),
        ];
        let places = places.map(|(at, conversation, seq): (_, &str, u64)| MessagePlace {
            at,
            conversation: conversation.parse().unwrap(),
            seq: seq.try_into().unwrap(),
        });
        let keys = places.clone().map(|place| message_place(&place));
        assert!(places.is_sorted() && keys.is_sorted(), "{keys:?}");
        assert_eq!(keys.map(|key| parse_message_place(&key).unwrap()), places);
    }

    #[test]
    fn every_shard_is_used() {
        let system: Channel = "system".parse().unwrap();
        let mut seen = [false; 16];
        for n in 0..1_000 {
            seen[usize::from(shard(&system, &format!("c{n}=").parse().unwrap()))] = true;
        }
        assert_eq!(seen, [true; 16]);
        assert_eq!(shard(&"user:u".parse().unwrap(), &"c1=".parse().unwrap()), 0);
    }
}
