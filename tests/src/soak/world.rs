//! The world of a run: users of two companies, their conversations, and who may hear what. It states the table of
//! docs/channels.md a second time, independently of the product, so that the product cannot excuse its own leak.

use std::collections::BTreeSet;

use serde::Serialize;

/// The companies. Users are assigned to them in turn.
const COMPANIES: [&str; 2] = ["biz_1", "biz_2"];

/// Kinds of channel that a company's team may join.
const TEAM_KINDS: [&str; 4] = ["company", "funnel_updates", "resource_updates", "analytics"];

/// Devices of each user who only listens.
const DEVICES_A_CROWD_USER: usize = 3;

/// The users and conversations of a run.
#[derive(Debug, Clone, Serialize)]
pub struct World {
    /// The users.
    pub people: Vec<Person>,
    /// The conversations.
    pub conversations: Vec<Conversation>,
}

/// A user.
#[derive(Debug, Clone, Serialize)]
pub struct Person {
    /// The `sub` of the user's tokens.
    pub id: String,
    /// The only company that the tokens name.
    pub company: String,
    /// Whether the user is in the company's team, and not a customer.
    pub is_team: bool,
    /// Whether the user only listens, in a large channel.
    pub is_crowd: bool,
}

/// A conversation.
#[derive(Debug, Clone, Serialize)]
pub struct Conversation {
    /// Its id.
    pub id: String,
    /// The company, whose team may join.
    pub company: String,
    /// Other users who may join, from the start.
    pub participants: BTreeSet<String>,
    /// Users who may join for a time: the backend chooses the participants among these.
    pub pool: BTreeSet<String>,
    /// Users who may join with a grant.
    pub guests: BTreeSet<String>,
}

/// The right by which a user may join a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// For the whole run.
    Always,
    /// While the user is a participant, which the backend changes.
    Participation,
    /// With a grant.
    Grant,
    /// Not at all.
    Never,
}

impl World {
    /// Creates a world of `users` active users, and of enough others for `crowd` devices that only listen. The first users of
    /// each company are an admin and a member, the others are customers. Each company has a conversation of all its customers,
    /// one of everybody, and one whose participants change. The first company also has one with the customers of both companies,
    /// one that the second company's customers join by grants, and one in which the crowd listens.
    pub fn of(users: usize, crowd: usize) -> Self {
        let active = |index: usize| Person {
            id: format!("user_{index}"),
            company: COMPANIES[index % COMPANIES.len()].to_owned(),
            is_team: index / COMPANIES.len() < 2,
            is_crowd: false,
        };
        let listener = |index: usize| Person {
            id: format!("crowd_{index}"),
            company: COMPANIES[0].to_owned(),
            is_team: false,
            is_crowd: true,
        };
        let listeners = (0..crowd.div_ceil(DEVICES_A_CROWD_USER)).map(listener);
        let people: Vec<Person> = (0..users).map(active).chain(listeners).collect();
        let conversations = conversations(&people, crowd > 0);
        Self { people, conversations }
    }

    /// The companies.
    pub fn companies() -> impl Iterator<Item = &'static str> {
        COMPANIES.into_iter()
    }

    /// Every channel of the world.
    pub fn channels(&self) -> Vec<String> {
        let team = TEAM_KINDS.iter().flat_map(|kind| Self::companies().map(move |id| format!("{kind}:{id}")));
        let own = self.people.iter().filter(|one| !one.is_crowd).map(|person| format!("user:{}", person.id));
        let talks = self.conversations.iter().map(Conversation::channel);
        team.chain(own).chain(talks).chain(["system".to_owned()]).collect()
    }

    /// The channels that a person's devices subscribe to.
    pub fn channels_of(&self, person: &Person) -> Vec<String> {
        let all = self.channels().into_iter();
        let is_for_the_crowd = |channel: &String| channel == "system" || channel.starts_with("conversation:");
        all.filter(|channel| self.right(&person.id, channel) != Right::Never)
            .filter(|channel| !person.is_crowd || is_for_the_crowd(channel))
            .collect()
    }

    /// Whether a user may ever join a channel, and so ever hear its events.
    pub fn may_join(&self, user: &str, channel: &str) -> bool {
        self.right(user, channel) != Right::Never
    }

    /// Whether a user is in the team of a conversation's company.
    pub(super) fn is_team(&self, user: &str, channel: &str) -> bool {
        let talk = self.conversations.iter().find(|talk| talk.channel() == channel);
        let person = self.people.iter().find(|person| person.id == user);
        talk.zip(person).is_some_and(|(talk, person)| person.is_team && person.company == talk.company)
    }

    /// The company of a conversation, by its channel.
    pub(super) fn company_of(&self, channel: &str) -> Option<&str> {
        let talk = self.conversations.iter().find(|talk| talk.channel() == channel);
        talk.map(|talk| talk.company.as_str())
    }

    /// The right by which a user may join a channel.
    pub fn right(&self, user: &str, channel: &str) -> Right {
        let (kind, id) = channel.split_once(':').unwrap_or((channel, ""));
        let is_team_of = |company: &str| {
            self.people.iter().any(|person| person.id == user && person.is_team && person.company == company)
        };
        let always = |may: bool| if may { Right::Always } else { Right::Never };
        match kind {
            "system" => Right::Always,
            "user" => always(id == user),
            "conversation" => {
                let Some(talk) = self.conversations.iter().find(|talk| talk.id == id) else {
                    return Right::Never;
                };
                match () {
                    () if is_team_of(&talk.company) => Right::Always,
                    () if talk.pool.contains(user) => Right::Participation,
                    () if talk.participants.contains(user) => Right::Always,
                    () if talk.guests.contains(user) => Right::Grant,
                    () => Right::Never,
                }
            }
            _ => always(TEAM_KINDS.contains(&kind) && is_team_of(id)),
        }
    }
}

fn conversations(people: &[Person], has_crowd: bool) -> Vec<Conversation> {
    let ids = |wanted: &dyn Fn(&Person) -> bool| -> BTreeSet<String> {
        people.iter().filter(|person| wanted(person)).map(|person| person.id.clone()).collect()
    };
    let [first, second] = COMPANIES;
    let customers_of =
        |company: &str| ids(&|person| person.company == company && !person.is_team && !person.is_crowd);
    let all_customers = &customers_of(first) | &customers_of(second);
    let none = BTreeSet::new();
    let mut conversations = Vec::new();
    for company in COMPANIES {
        let number = company.trim_start_matches("biz_");
        let everybody = ids(&|person| person.company == company && !person.is_crowd);
        for (name, participants, pool) in [
            ("desk", &customers_of(company), &none),
            ("all", &everybody, &none),
            ("lounge", &all_customers, &all_customers),
        ] {
            conversations.push(Conversation {
                id: format!("{name}_{number}"),
                company: company.to_owned(),
                participants: participants.clone(),
                pool: pool.clone(),
                guests: none.clone(),
            });
        }
    }
    let of_the_first = |id: &str, participants: BTreeSet<String>, guests: BTreeSet<String>| {
        let company = first.to_owned();
        Conversation { id: id.to_owned(), company, participants, pool: BTreeSet::new(), guests }
    };
    conversations.push(of_the_first("bridge", all_customers, none.clone()));
    conversations.push(of_the_first("visit", customers_of(first), customers_of(second)));
    if has_crowd {
        let crowd = ids(&|person| person.is_crowd);
        conversations.push(of_the_first("crowd", &crowd | &customers_of(first), none));
    }
    conversations
}

impl Conversation {
    /// Returns the channel of the conversation.
    pub fn channel(&self) -> String {
        format!("conversation:{}", self.id)
    }
}

impl Person {
    /// The `name` of the user's tokens. One user's name has the maximum length, in characters that JSON escapes.
    pub(super) fn name(&self) -> String {
        const NAME_BYTES_MAX: usize = 128;
        match self.id.as_str() {
            "user_4" => "\"".repeat(NAME_BYTES_MAX),
            id => format!("Name of {id}"),
        }
    }

    /// The user's role in the company.
    pub(super) fn role_name(&self) -> &'static str {
        match (self.is_team, self.id.as_bytes().last()) {
            (false, _) => "customer",
            (true, Some(b'0' | b'1')) => "admin",
            (true, _) => "member",
        }
    }
}

/// Whether members of a channel see who is present.
pub(super) fn has_presence(channel: &str) -> bool {
    channel.starts_with("company:") || channel.starts_with("conversation:")
}

/// Whether a channel has a log.
pub(super) fn has_log(channel: &str) -> bool {
    !channel.starts_with("analytics:")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_something_to_hear_and_something_that_is_for_others() {
        let world = World::of(8, 9);
        assert_eq!(world.people.len(), 8 + 3);
        for person in &world.people {
            let mine = world.channels_of(person);
            assert!(mine.iter().any(|channel| channel.starts_with("conversation:")), "{mine:?}");
            assert!(mine.contains(&"system".to_owned()));
            assert_eq!(mine.contains(&format!("user:{}", person.id)), !person.is_crowd);
            assert!(mine.len() < world.channels().len());
            assert_eq!(mine.contains(&format!("company:{}", person.company)), person.is_team);
        }
        assert!(!world.may_join("user_0", "user:user_1") && !world.may_join("user_0", "conversation:desk_2"));
    }

    #[test]
    fn each_right_is_had_by_somebody() {
        let world = World::of(8, 9);
        for (user, channel, right) in [
            ("user_4", "conversation:bridge", Right::Always),
            ("user_5", "conversation:bridge", Right::Always),
            ("user_1", "conversation:bridge", Right::Never), // it belongs to the first company
            ("user_0", "conversation:lounge_1", Right::Always),
            ("user_4", "conversation:lounge_1", Right::Participation),
            ("user_5", "conversation:lounge_1", Right::Participation),
            ("user_4", "conversation:visit", Right::Always),
            ("user_5", "conversation:visit", Right::Grant),
            ("user_3", "conversation:visit", Right::Never),
            ("crowd_0", "conversation:crowd", Right::Always),
            ("crowd_0", "conversation:all_1", Right::Never),
            ("user_5", "conversation:crowd", Right::Never),
        ] {
            assert_eq!(world.right(user, channel), right, "{user} on {channel}");
        }
        assert!(World::of(8, 0).conversations.iter().all(|talk| talk.id != "crowd"));
    }
}
