//! Two companies with all sorts of people, each of them connected once, and what each of them has ever heard.

use anyhow::{Result, bail};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tests::{Client, PATIENCE, Role, Stack, User, unique};

use super::probe::Thing;
use super::table::{COLUMNS, ROLES};

/// Which of the two companies, or of those of none.
type Home = Option<usize>;

/// What is one company's.
struct Company {
    id: String,
    conversation: String,
    /// Who takes part in it, and has the channel `user`.
    participant: String,
    /// A file of theirs, in a message of the conversation.
    file: String,
    /// A connection of the same user, beside the one that asks.
    spare: Client,
    spare_id: String,
}

/// Somebody.
pub(super) struct Person {
    home: Home,
    role: usize,
    pub(super) user: User,
    pub(super) client: Client,
    /// The connection.
    pub(super) connection: String,
    /// Every event that has come.
    pub(super) heard: Vec<Value>,
    /// The ids that this person must never see: those of the other companies.
    foreign: Vec<String>,
}

/// All of them.
pub(super) struct Scene {
    companies: [Company; 2],
    pub(super) people: Vec<Person>,
    /// A conversation of which nobody has told.
    nobodys: String,
}

impl Scene {
    /// They arrive, and have joined nothing.
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

    /// What a row calls by this name, of this company; empty where that is no channel.
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

    /// Whom the backend speaks of, or takes out.
    pub(super) fn member_of(&self, company: usize) -> &str {
        let member = self.people.iter().find(|person| person.home == Some(company) && person.role == 1);
        member.map_or("", |person| &person.user.id)
    }

    /// Whom the team and the backend may restrict.
    pub(super) fn participant_of(&self, company: usize) -> &str {
        &self.companies[company].participant
    }

    /// What the company's conversation is, with these participants.
    pub(super) fn conversation(&self, company: usize, participants: &[&str]) -> Value {
        let Company { id, conversation, .. } = &self.companies[company];
        let conversation = conversation.trim_start_matches("conversation:");
        json!({"conversationId": conversation, "companyId": id, "participants": participants})
    }

    /// The name and the company of a channel, back from what a frame calls it.
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

    /// All ids of a company, which only those of it may ever see.
    fn ids_of(&self, company: usize) -> Vec<String> {
        let people = self.people.iter().filter(|person| person.home == Some(company));
        let ids = people.map(|person| person.user.id.clone());
        let Company { id, conversation, .. } = &self.companies[company];
        ids.chain([id.clone(), conversation.trim_start_matches("conversation:").to_owned()]).collect()
    }

    /// What everybody has been sent by now, the spare connections too: they have joined nothing.
    pub(super) async fn listen(&mut self) -> Result<()> {
        try_join_all(self.people.iter_mut().map(Person::listen)).await?;
        try_join_all(self.companies.iter_mut().map(|company| company.spare.silence())).await?;
        Ok(())
    }
}

impl Person {
    /// The person's column, where the thing is of company `owner`.
    pub(super) fn column(&self, owner: usize) -> usize {
        match self.home {
            Some(home) if home != owner => ROLES + self.role,
            _ => self.role,
        }
    }

    /// Whether there is an id in this that the person must not see.
    pub(super) fn may_not_see(&self, text: &str) -> bool {
        self.foreign.iter().any(|id| text.contains(id))
    }

    /// As a failure names them.
    pub(super) fn name(&self, owner: usize) -> String {
        let column = self.column(owner);
        let of = ["", " of the other company"][usize::from((ROLES..2 * ROLES).contains(&column))];
        format!("{}{of}", COLUMNS[column])
    }

    /// Waits for an event that has all of these in it, but not for ever: that it has not come is seen in the end.
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

    /// Takes all that has been posted to the person: that comes before the answer to a `ping`.
    async fn listen(&mut self) -> Result<()> {
        self.client.call("ping", json!({})).await?;
        self.heard.extend(self.client.inbox());
        Ok(())
    }
}

/// Whether an event has all of these in it.
pub(super) fn has_all(event: &Value, needles: &[String]) -> bool {
    let text = event.to_string();
    needles.iter().all(|needle| text.contains(needle))
}
