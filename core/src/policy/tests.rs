//! The rows of the policy, and the decisions that follow from them.

use super::*;
use crate::{
    Timestamp,
    identity::{CompaniesBy, CompanyClaim, Role},
};

#[test]
fn every_kind_has_its_own_row() {
    assert_eq!(POLICY.each_ref().map(|row| row.kind), Kind::ALL);
    for (index, row) in POLICY.iter().enumerate() {
        assert_eq!(row.kind as usize, index);
        assert_eq!(row.kind.policy().kind, row.kind);
        assert!(row.shards > 0);
        for event in row.client_events {
            assert!(row.lane(*event).is_some(), "{event:?} may be published but has no lane");
        }
    }
}

#[test]
fn clients_publish_on_conversations_and_in_rooms_only() {
    for row in &POLICY {
        let may = matches!(row.kind, Kind::Conversation | Kind::Room);
        assert_eq!(!row.client_events.is_empty(), may, "{:?}", row.kind);
    }
}

fn user(companies: &[(&str, Role)]) -> Identity {
    Identity {
        user: "user_1".parse().unwrap(),
        name: "Ann".to_owned().try_into().unwrap(),
        companies: companies
            .iter()
            .map(|(id, role)| CompanyClaim { id: id.parse().unwrap(), role: *role })
            .collect(),
        companies_by: CompaniesBy::Token,
        experiences: vec!["exp_1".parse().unwrap()],
        rooms: vec!["lobby".parse().unwrap()],
        expires_at: Timestamp::from_secs(1),
    }
}

/// The decisions of the table in docs/channels.md, for each channel.
#[test]
fn who_may_join_what() {
    use JoinDecision::{Allowed, DependsOnConversation, Refused};
    let admin = user(&[("biz_1", Role::Admin)]);
    let member = user(&[("biz_1", Role::Member)]);
    let customer = user(&[("biz_1", Role::Customer)]);
    let stranger = user(&[("biz_2", Role::Admin)]);
    let backend = user(&[("biz_1", Role::Backend)]);
    for (channel, verdicts) in [
        ("company:biz_1", [Allowed, Allowed, Refused, Refused, Refused]),
        ("funnel_updates:biz_1", [Allowed, Allowed, Refused, Refused, Refused]),
        ("resource_updates:biz_1", [Allowed, Allowed, Refused, Refused, Refused]),
        ("analytics:biz_1", [Allowed, Allowed, Refused, Refused, Refused]),
        ("inbox:biz_1", [Allowed, Allowed, Refused, Refused, Refused]),
        ("user:user_1", [Allowed; 5]),
        ("user:user_2", [Refused; 5]),
        ("conversation:c1", [DependsOnConversation; 5]),
        ("system", [Allowed; 5]),
        ("experience:exp_1", [Allowed; 5]),
        ("experience:lobby", [Refused; 5]),
        ("room:lobby", [Allowed; 5]),
        ("room:exp_1", [Refused; 5]),
    ] {
        let got = [&admin, &member, &customer, &stranger, &backend]
            .map(|who| may_join(who, &channel.parse().unwrap()));
        assert_eq!(got, verdicts, "{channel}");
    }
    let company = "biz_1".parse().unwrap();
    for (who, as_participant, as_outsider) in
        [(&admin, true, true), (&member, true, true), (&customer, true, false), (&stranger, true, false)]
    {
        assert_eq!(may_join_conversation(who, Some(&company), true), as_participant);
        assert_eq!(may_join_conversation(who, Some(&company), false), as_outsider);
        assert!(!may_join_conversation(who, None, true), "nobody may join an unknown conversation");
    }
    let other = "biz_2".parse().unwrap();
    for (is_participant, team, stays) in [
        (true, None, true),
        (true, Some(&other), true),
        (false, Some(&company), true),
        (false, Some(&other), false),
        (false, None, false),
    ] {
        assert_eq!(may_stay_in_conversation(&company, is_participant, team), stays);
    }
}

#[test]
fn only_the_backend_of_its_company_manages_a_conversation() {
    let (ours, theirs) = ("biz_1".parse().unwrap(), "biz_2".parse().unwrap());
    let backend = user(&[("biz_1", Role::Backend)]);
    for (owner, given_to, may) in [
        (None, Some(&ours), true),
        (Some(&ours), Some(&ours), true),
        (Some(&ours), None, true),
        (None, None, false),
        (None, Some(&theirs), false),
        (Some(&theirs), Some(&ours), false),
        (Some(&ours), Some(&theirs), false),
        (Some(&theirs), None, false),
    ] {
        assert_eq!(may_manage_conversation(&backend, owner, given_to), may, "{owner:?} {given_to:?}");
    }
    for role in [Role::Admin, Role::Member, Role::Customer] {
        assert!(!may_manage_conversation(&user(&[("biz_1", role)]), Some(&ours), Some(&ours)), "{role:?}");
    }
    assert!(
        !may_join_conversation(&backend, Some(&ours), false),
        "a backend joins no channel of the company"
    );
}

#[test]
fn the_team_and_the_backend_of_a_company_moderate_there() {
    let company = "biz_1".parse().unwrap();
    for (role, may) in
        [(Role::Admin, true), (Role::Member, true), (Role::Backend, true), (Role::Customer, false)]
    {
        assert_eq!(may_moderate(&user(&[("biz_1", role)]), &company), may, "{role:?}");
        assert!(!may_moderate(&user(&[("biz_2", role)]), &company), "{role:?} of another company");
    }
}
