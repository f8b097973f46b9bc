//! Who is there: users of two companies, what they talk in, and who may hear what. The README's table of channels,
//! said a second time and independently, so that a leak is one by this and not by what the product thinks.

use serde::Serialize;

use crate::{Role, User};

/// Companies, which users belong to in turn.
const COMPANIES: [&str; 2] = ["biz_1", "biz_2"];

/// Kinds of channel that a company's team hears.
const TEAM_KINDS: [&str; 4] = ["company", "funnel_updates", "resource_updates", "analytics"];

/// All that a run happens to.
#[derive(Debug, Clone, Serialize)]
pub struct World {
    /// Who connects, on one device or two.
    pub people: Vec<Person>,
    /// What they talk in.
    pub conversations: Vec<Conversation>,
}

/// A user.
#[derive(Debug, Clone, Serialize)]
pub struct Person {
    /// The `sub` of his token.
    pub id: String,
    /// The one company that it names.
    pub company: String,
    /// Whether he is of its team; else he is a customer.
    pub is_team: bool,
}

/// A conversation.
#[derive(Debug, Clone, Serialize)]
pub struct Conversation {
    /// Its id.
    pub id: String,
    /// Whose team may join.
    pub company: String,
    /// Who else may.
    pub participants: Vec<String>,
}

impl World {
    /// A world of so many users: in each company first an admin, then a member, then customers. A company has a
    /// conversation of all its customers and one of everybody, and the first has one with customers of both.
    pub fn of(users: usize) -> Self {
        let person = |index: usize| Person {
            id: format!("user_{index}"),
            company: COMPANIES[index % COMPANIES.len()].to_owned(),
            is_team: index / COMPANIES.len() < 2,
        };
        let people: Vec<Person> = (0..users).map(person).collect();
        let ids = |wanted: &dyn Fn(&Person) -> bool| {
            people.iter().filter(|person| wanted(person)).map(|person| person.id.clone()).collect()
        };
        let mut conversations = Vec::new();
        for company in COMPANIES {
            let number = company.trim_start_matches("biz_");
            let conversation = |name: &str, participants| Conversation {
                id: format!("{name}_{number}"),
                company: company.to_owned(),
                participants,
            };
            let customers = ids(&|person| person.company == company && !person.is_team);
            conversations.push(conversation("desk", customers));
            conversations.push(conversation("all", ids(&|person| person.company == company)));
        }
        let both = ids(&|person| !person.is_team);
        let company = COMPANIES[0].to_owned();
        conversations.push(Conversation { id: "bridge".to_owned(), company, participants: both });
        Self { people, conversations }
    }

    /// The companies.
    pub fn companies() -> impl Iterator<Item = &'static str> {
        COMPANIES.into_iter()
    }

    /// Every channel that there is.
    pub fn channels(&self) -> Vec<String> {
        let team = TEAM_KINDS.iter().flat_map(|kind| Self::companies().map(move |id| format!("{kind}:{id}")));
        let own = self.people.iter().map(|person| format!("user:{}", person.id));
        let talks = self.conversations.iter().map(|talk| format!("conversation:{}", talk.id));
        team.chain(own).chain(talks).chain(["system".to_owned()]).collect()
    }

    /// The channels that a user may join.
    pub fn channels_of(&self, user: &str) -> Vec<String> {
        self.channels().into_iter().filter(|channel| self.may_join(user, channel)).collect()
    }

    /// Whether a user may join a channel, and so whether he may get what is said on it.
    pub fn may_join(&self, user: &str, channel: &str) -> bool {
        let (kind, id) = channel.split_once(':').unwrap_or((channel, ""));
        let is_team_of = |company: &str| {
            self.people.iter().any(|person| person.id == user && person.is_team && person.company == company)
        };
        match kind {
            "system" => true,
            "user" => id == user,
            "conversation" => self.conversations.iter().any(|talk| {
                talk.id == id && (is_team_of(&talk.company) || talk.participants.iter().any(|id| id == user))
            }),
            _ => TEAM_KINDS.contains(&kind) && is_team_of(id),
        }
    }
}

impl Person {
    /// With a token that says so.
    pub(super) fn user(&self) -> User {
        let role = match (self.is_team, self.id.as_bytes().last()) {
            (false, _) => Role::Customer,
            (true, Some(b'0' | b'1')) => Role::Admin,
            (true, _) => Role::Member,
        };
        User::called(&self.id).and(&self.company, role)
    }
}

/// Whether a channel's members see each other.
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
    fn everybody_has_something_to_hear_and_something_that_is_not_for_him() {
        let world = World::of(6);
        for person in &world.people {
            let mine = world.channels_of(&person.id);
            assert!(mine.iter().any(|channel| channel.starts_with("conversation:")), "{mine:?}");
            assert!(mine.contains(&format!("user:{}", person.id)) && mine.contains(&"system".to_owned()));
            assert!(mine.len() < world.channels().len());
            assert_eq!(mine.contains(&format!("company:{}", person.company)), person.is_team);
        }
        assert!(
            world.may_join("user_4", "conversation:bridge")
                && world.may_join("user_5", "conversation:bridge")
        );
        assert!(!world.may_join("user_1", "conversation:bridge"), "it is the first company's");
        assert!(!world.may_join("user_0", "user:user_1") && !world.may_join("user_0", "conversation:desk_2"));
    }
}
