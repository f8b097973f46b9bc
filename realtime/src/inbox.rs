//! Inboxes: the conversations of a user, or of a company for its team, the last active first, with how many messages of each the
//! caller has not read. [`digest`](crate::digest) keeps what they show.

use funnelcast_aws::table::inbox::InboxOwner;
use funnelcast_core::{
    Caller, Channel, CompanyId, Error,
    action::{Inbox, InboxCursor, InboxPage},
    grant::Capability,
    size::Room,
};

use crate::access::Access;

/// Returns a page of an inbox. That of a company is 1 query, and 1 call for the items of the conversations on the page,
/// however many there are. A user's own is read whole, up to [`INBOX_OWN_MAX`] conversations, because it is in no order in the
/// table.
///
/// [`INBOX_OWN_MAX`]: funnelcast_core::action::INBOX_OWN_MAX
///
/// # Errors
/// For the inbox of a company: [`Error::NotJoined`] if the caller's connection has not joined its channel; [`Error::Forbidden`]
/// if an HTTP caller is not of its team.
pub async fn inbox(access: &Access, caller: Caller<'_>, request: Inbox) -> Result<InboxPage, Error> {
    let Some(company) = &request.company_id else { return own(access, caller, &request).await };
    let channel = Channel::Inbox(company.clone());
    let read = of_company(access, caller, company, &request);
    access.read_as(caller, &channel, Capability::Join, read).await
}

async fn of_company(
    access: &Access,
    caller: Caller<'_>,
    company: &CompanyId,
    request: &Inbox,
) -> Result<InboxPage, Error> {
    let table = &access.table;
    let (listed, next) =
        table.company_conversations(company, request.limit.get(), request.cursor.as_ref()).await?;
    let places = listed.iter().map(|listed| listed.place.clone()).collect();
    let (user, now) = (&caller.identity().user, caller.now());
    let conversations = table.inbox_entries(InboxOwner::Company(company), user, listed, now).await?;
    Ok(fitting(InboxPage { conversations, next, more: false }, places))
}

async fn own(access: &Access, caller: Caller<'_>, request: &Inbox) -> Result<InboxPage, Error> {
    let (user, now) = (&caller.identity().user, caller.now());
    let (mut listed, more) = access.table.own_conversations(user).await?;
    if let Some(cursor) = &request.cursor {
        let place = |cursor: &InboxCursor| (cursor.active_at, cursor.conversation.to_string());
        listed.retain(|listed| place(&listed.place) < place(cursor));
    }
    let is_last = listed.len() <= request.limit.get();
    listed.truncate(request.limit.get());
    let places: Vec<_> = listed.iter().map(|listed| listed.place.clone()).collect();
    let next = places.last().filter(|_| !is_last).cloned();
    let conversations = access.table.inbox_entries(InboxOwner::Reader, user, listed, now).await?;
    Ok(fitting(InboxPage { conversations, next, more }, places))
}

/// The part of a page that a reply can hold. `places` are those of the conversations on the page, and of some that have been
/// left out.
fn fitting(page: InboxPage, places: Vec<InboxCursor>) -> InboxPage {
    let InboxPage { mut conversations, mut next, more } = page;
    let longest = places.iter().max_by_key(|place| String::from((*place).clone()).len()).cloned();
    let mut room = Room::beside(&InboxPage { conversations: Vec::new(), next: longest, more: true });
    let fit = room.fitting(&conversations);
    if fit < conversations.len() {
        conversations.truncate(fit);
        let last = conversations.last().map(|last| &last.conversation_id);
        next = places.into_iter().find(|place| Some(&place.conversation) == last);
    }
    InboxPage { conversations, next, more }
}
