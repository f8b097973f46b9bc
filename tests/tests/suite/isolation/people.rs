//! Two companies with users of every role, and a stranger. Each has one connection, which keeps every event that it receives.

use anyhow::{Result, bail};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tests::{Client, PATIENCE, Role, Stack, User, unique};

use super::probe::Thing;
use super::table::{COLUMNS, ROLES};

/// The company that a person belongs to; `None` for the stranger.
type Home = Option<usize>;

/// A company, and what belongs to it.
struct Company {
    id: String,
    conversation: String,
    /// The user who takes part in the conversation, and whose channel is meant by `user`.
    participant: String,
    /// A file of the participant's, in a message of the conversation.
    file: String,
    /// A connection of the participant's, beside the one of the [`Person`].
    spare: Client,
    spare_id: String,
}

/// A user, with the connection by which they try the rows.
pub(super) struct Person {
    home: Home,
    role: usize,
    pub(super) user: User,
    pub(super) client: Client,
    /// The id of the connection.
    pub(super) connection: String,
    /// Every event that the connection has received.
    pub(super) heard: Vec<Value>,
    /// The ids that this person must never see: those of the other companies.
    foreign: Vec<String>,
}

/// Both companies, and all people.
pub(super) struct Scene {
    companies: [Company; 2],
    pub(super) people: Vec<Person>,
    /// A conversation that no backend has ever set.
    nobodys: String,
}

impl Scene {
    /// Makes the companies, and connects everybody; nobody has joined a channel yet.
    pub(super) async fn new(stack: &Stack) -> Result<Self> {
        let (mut companies, mut people) = (Vec::new(), Vec::new());
        for home in 0..2 {
            let id = unique("biz");
            let roles = [Role::Admin, Role::Member, Role::Customer, Role::Customer, Role::Backend];
            let mut users = roles.map(|role| User::of(&id, role).of_experience(&id));
            users[4] = User::backend_of(&id);
            for index in [0, 2] {
                users[index].enter_room(&id);
            }
            let participant = &users[2];
            let conversation = stack.conversation(&id, &[participant]).await?;
            let file = stack.put_file(participant, &conversation, "text/plain", b"a file").await?;
            stack.examined_file(participant, &file).await?;
            let message = json!({"channel": conversation, "event": "chat.message", "key": "file",
                "data": {"attachments": [file]}});
            stack.post(participant, "messages", &message).await?.done()?;
            let mut spare = stack.connect(participant).await?;
            let spare_id = spare.connection_id().await?;
            companies.push(Company {
                id,
                conversation,
                participant: participant.id.clone(),
                file,
                spare,
                spare_id,
            });
            people.extend(users.into_iter().enumerate().map(|(role, user)| (Some(home), role, user)));
        }
        people.push((None, 2 * ROLES, User::stranger()));
        let people = people.into_iter().map(async |(home, role, user)| {
            let mut client = stack.connect(&user).await?;
            let connection = client.connection_id().await?;
            anyhow::Ok(Person {
                home,
                role,
                user,
                client,
                connection,
                heard: Vec::new(),
                foreign: Vec::new(),
            })
        });
        let people = try_join_all(people).await?;
        let Ok(companies) = companies.try_into() else { bail!("two companies") };
        let mut scene = Self { companies, people, nobodys: format!("conversation:{}", unique("nobodys")) };
        let ids = [0, 1].map(|company| scene.ids_of(company));
        for person in &mut scene.people {
            let foreign = [0, 1].into_iter().filter(|company| person.home != Some(*company));
            person.foreign = foreign.flat_map(|company| ids[company].clone()).collect();
        }
        Ok(scene)
    }

    /// The channel that a row means by this name, for this company; empty where the name is that of no channel.
    pub(super) fn channel(&self, whose: &str, owner: usize) -> String {
        let company = &self.companies[owner];
        match whose {
            "-" | "connection" => String::new(),
            "system" => whose.to_owned(),
            "user" => format!("user:{}", company.participant),
            "conversation" => company.conversation.clone(),
            "nobodys" => self.nobodys.clone(),
            kind => format!("{kind}:{}", company.id),
        }
    }

    /// What a row is tried with.
    pub(super) fn thing(&self, whose: &str, owner: usize) -> Thing {
        let Company { id, participant, spare_id, file, .. } = &self.companies[owner];
        let connection = (whose == "connection").then(|| spare_id.clone());
        let conversation = json!({"companyId": id, "participants": [participant], "keepLog": true});
        let file = if whose == "nobodys" { "file_of_nobody" } else { file.as_str() };
        Thing { channel: self.channel(whose, owner), connection, conversation, file: file.to_owned() }
    }

    /// The user whom the backend's events name, or remove.
    pub(super) fn member_of(&self, company: usize) -> &str {
        let member = self.people.iter().find(|person| person.home == Some(company) && person.role == 1);
        member.map_or("", |person| &person.user.id)
    }

    /// The user whom the team and the backend may restrict.
    pub(super) fn participant_of(&self, company: usize) -> &str {
        &self.companies[company].participant
    }

    /// The company's conversation with these participants, as an event of the backend has it.
    pub(super) fn conversation(&self, company: usize, participants: &[&str]) -> Value {
        let Company { id, conversation, .. } = &self.companies[company];
        let conversation = conversation.trim_start_matches("conversation:");
        json!({"conversationId": conversation, "companyId": id, "participants": participants})
    }

    /// A row's name for this channel, and the company that it belongs to.
    pub(super) fn whose(&self, channel: &str) -> Option<(&'static str, usize)> {
        let kinds = [
            "company",
            "funnel_updates",
            "resource_updates",
            "analytics",
            "user",
            "conversation",
            "inbox",
            "system",
            "experience",
            "room",
        ];
        let all = kinds.into_iter().flat_map(|kind| [(kind, 0), (kind, 1)]);
        all.into_iter().find(|(kind, owner)| self.channel(kind, *owner) == channel)
    }

    /// All ids of a company, which only its own users may ever see.
    fn ids_of(&self, company: usize) -> Vec<String> {
        let people = self.people.iter().filter(|person| person.home == Some(company));
        let ids = people.map(|person| person.user.id.clone());
        let Company { id, conversation, .. } = &self.companies[company];
        ids.chain([id.clone(), conversation.trim_start_matches("conversation:").to_owned()]).collect()
    }

    /// Collects what everybody has been sent so far. The spare connections have joined nothing, so they must have got nothing.
    pub(super) async fn listen(&mut self) -> Result<()> {
        try_join_all(self.people.iter_mut().map(Person::listen)).await?;
        try_join_all(self.companies.iter_mut().map(|company| company.spare.silence())).await?;
        Ok(())
    }
}

impl Person {
    /// The person's column where the thing belongs to company `owner`.
    pub(super) fn column(&self, owner: usize) -> usize {
        match self.home {
            Some(home) if home != owner => ROLES + self.role,
            _ => self.role,
        }
    }

    /// Whether the text has an id that the person must not see.
    pub(super) fn may_not_see(&self, text: &str) -> bool {
        self.foreign.iter().any(|id| text.contains(id))
    }

    /// The person's name in a failure.
    pub(super) fn name(&self, owner: usize) -> String {
        let column = self.column(owner);
        let of = ["", " of the other company"][usize::from((ROLES..2 * ROLES).contains(&column))];
        format!("{}{of}", COLUMNS[column])
    }

    /// Waits for an event with all of these texts, at most for [`PATIENCE`]. One that has not come is noticed in the end.
    pub(super) async fn hears(&mut self, needles: &[String]) -> Result<()> {
        let has_come = |heard: &[Value]| heard.iter().any(|event| has_all(event, needles));
        let waiting = async {
            while !has_come(&self.heard) {
                match self.client.frame().await? {
                    Some(event) => self.heard.push(event),
                    None => bail!("{} was cut off", self.user.id),
                }
            }
            anyhow::Ok(())
        };
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(came) => came,
            Err(_) => Ok(()),
        }
    }

    /// Collects all that has been posted to the person, which arrives before the answer to a `ping`.
    async fn listen(&mut self) -> Result<()> {
        self.client.call("ping", json!({})).await?;
        self.heard.extend(self.client.inbox());
        Ok(())
    }
}

/// Whether an event has all of these texts.
pub(super) fn has_all(event: &Value, needles: &[String]) -> bool {
    let text = event.to_string();
    needles.iter().all(|needle| text.contains(needle))
}
