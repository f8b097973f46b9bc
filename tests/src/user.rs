//! Users, the companies that their tokens name, and the tokens. Every test makes fresh ones, so that tests can run
//! in parallel on one stack and never meet.

use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, ensure};

use crate::stack;

/// What a token says that a user is in a company.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Of the company's team.
    Admin,
    /// Of the company's team, too.
    Member,
    /// Not of the team: only conversations that name this user are open.
    Customer,
    /// No person: the app's backend, which says who takes part in the company's conversations.
    Backend,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Member => "member",
            Self::Customer => "customer",
            Self::Backend => "backend",
        }
    }
}

/// One who connects.
#[derive(Debug)]
pub struct User {
    /// The `sub` of the token.
    pub id: String,
    /// The `name` of the token.
    pub name: String,
    companies: Vec<(String, Role)>,
    experiences: Vec<String>,
    rooms: Vec<String>,
    publishes: bool,
    ttl: String,
    token: OnceLock<String>,
}

impl User {
    /// A new user with no company at all.
    pub fn stranger() -> Self {
        Self::called(&unique("user"))
    }

    /// A user of this id, on a stack of one's own: there nobody else has it.
    pub fn called(id: &str) -> Self {
        let (id, name) = (id.to_owned(), format!("Name of {id}"));
        Self {
            id,
            name,
            companies: Vec::new(),
            experiences: Vec::new(),
            rooms: Vec::new(),
            publishes: false,
            ttl: "1h".to_owned(),
            token: OnceLock::new(),
        }
    }

    /// No user, but the app's backend with a token to publish.
    pub fn publisher() -> Self {
        Self { publishes: true, ..Self::called("backend") }
    }

    /// A new user with a role in a company.
    pub fn of(company: &str, role: Role) -> Self {
        let mut user = Self::stranger();
        user.companies.push((company.to_owned(), role));
        user
    }

    /// A new admin of a company.
    pub fn admin_of(company: &str) -> Self {
        Self::of(company, Role::Admin)
    }

    /// A new customer of a company.
    pub fn customer_of(company: &str) -> Self {
        Self::of(company, Role::Customer)
    }

    /// The backend of a company.
    pub fn backend_of(company: &str) -> Self {
        Self::of(company, Role::Backend)
    }

    /// The same user with a role in one more company.
    #[must_use]
    pub fn and(mut self, company: &str, role: Role) -> Self {
        self.companies.push((company.to_owned(), role));
        self.token = OnceLock::new();
        self
    }

    /// The same user with access to an experience.
    #[must_use]
    pub fn of_experience(mut self, id: &str) -> Self {
        self.experiences.push(id.to_owned());
        self.token = OnceLock::new();
        self
    }

    /// From now on the token names this room.
    pub fn enter_room(&mut self, id: &str) {
        self.rooms.push(id.to_owned());
        self.token = OnceLock::new();
    }

    /// The same user with a token that lasts only so long, e.g. `2s`.
    #[must_use]
    pub fn for_only(mut self, ttl: &str) -> Self {
        ttl.clone_into(&mut self.ttl);
        self.token = OnceLock::new();
        self
    }

    /// The same user, with a token of its own.
    #[must_use]
    pub fn again(&self) -> Self {
        let (name, companies) = (self.name.clone(), self.companies.clone());
        let (experiences, rooms) = (self.experiences.clone(), self.rooms.clone());
        Self { name, companies, experiences, rooms, ..Self::called(&self.id) }
    }

    /// The channel of this user's own notices.
    pub fn channel(&self) -> String {
        format!("user:{}", self.id)
    }

    /// A token, minted at the first call.
    pub fn token(&self) -> Result<String> {
        if let Some(token) = self.token.get() {
            return Ok(token.clone());
        }
        let token = self.mint()?;
        Ok(self.token.get_or_init(|| token).clone())
    }

    /// Asks `funnelcast-local token`, or what `FUNNELCAST_TOKEN_COMMAND` names (a shell command that takes the same
    /// arguments).
    fn mint(&self) -> Result<String> {
        let mut command = if let Some(line) = stack::variable("FUNNELCAST_TOKEN_COMMAND") {
            let mut shell = Command::new("sh");
            shell.args(["-c", &format!("{line} \"$@\""), "token"]);
            shell
        } else {
            let mut local = stack::local()?;
            local.arg("token");
            local
        };
        command.args(["--ttl", &self.ttl]);
        if self.publishes {
            command.arg("--publish");
        } else {
            command.args(["--user", &self.id, "--name", &self.name]);
        }
        for id in &self.experiences {
            command.args(["--experience", id]);
        }
        for id in &self.rooms {
            command.args(["--room", id]);
        }
        for (company, role) in &self.companies {
            command.args(["--company", &format!("{company}:{}", role.name())]);
        }
        let output = command.output().context("minting a token")?;
        ensure!(output.status.success(), "no token: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    }
}

/// A new id like `biz_5f0c...`: nobody else has it.
pub fn unique(prefix: &str) -> String {
    format!("{prefix}_{:016x}", rand::random::<u64>())
}
