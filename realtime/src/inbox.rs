//! Inboxes: the conversations of a user, or of a company for its team, the last active first, with how many messages of each the
//! caller has not read. [`digest`](crate::digest) keeps what they show.

use std::collections::BTreeMap;

use funnelcast_aws::table::inbox::{FoundEntry, InboxOwner, Listed};
use funnelcast_core::{
    Caller, Channel, CompanyId, Error,
    action::{Inbox, InboxCursor, InboxEntry, InboxPage},
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
    let found = table.inbox_entries(InboxOwner::Company(company), user, listed, now).await?;
    let conversations = found.into_iter().map(|found| found.entry).collect();
    Ok(fitting(InboxPage { conversations, next, more: false }, places))
}

async fn own(access: &Access, caller: Caller<'_>, request: &Inbox) -> Result<InboxPage, Error> {
    let (mut listed, more) = access.table.own_conversations(&caller.identity().user).await?;
    if let Some(cursor) = &request.cursor {
        let place = |cursor: &InboxCursor| (cursor.active_at, cursor.conversation.to_string());
        listed.retain(|listed| place(&listed.place) < place(cursor));
    }
    let is_last = listed.len() <= request.limit.get();
    listed.truncate(request.limit.get());
    let places: Vec<_> = listed.iter().map(|listed| listed.place.clone()).collect();
    let next = places.last().filter(|_| !is_last).cloned();
    let conversations = own_entries(access, caller, listed).await?;
    Ok(fitting(InboxPage { conversations, next, more }, places))
}

/// The entries of a user's own inbox for these conversations: what [`inbox_entries`](funnelcast_aws::Table::inbox_entries) costs.
/// Left out is what they are banned from, unless they are of the company's team, which nothing restricts: what
/// [`is_of_team`](Access::is_of_team) costs for each company that bans them.
///
/// # Errors
/// [`Error::Internal`] if the table fails; those of [`is_of_team`](Access::is_of_team).
pub(crate) async fn own_entries(
    access: &Access,
    caller: Caller<'_>,
    listed: Vec<Listed>,
) -> Result<Vec<InboxEntry>, Error> {
    let (identity, now) = (caller.identity(), caller.now());
    let mut teams = BTreeMap::new();
    let mut entries = Vec::new();
    for FoundEntry { entry, is_banned } in
        access.table.inbox_entries(InboxOwner::Reader, &identity.user, listed, now).await?
    {
        if is_banned && !teams.contains_key(&entry.company_id) {
            let is_of_team = access.is_of_team(identity, &entry.company_id, now).await?;
            teams.insert(entry.company_id.clone(), is_of_team);
        }
        if !is_banned || teams.get(&entry.company_id) == Some(&true) {
            entries.push(entry);
        }
    }
    Ok(entries)
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
