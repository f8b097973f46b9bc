//! Users, the companies that their tokens name, and the tokens. Every test makes new ones, so that tests can run in parallel on
//! one stack without affecting each other.

use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context as _, Result, ensure};

use crate::stack;

/// A user's role in a company, as a token names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// In the company's team.
    Admin,
    /// In the company's team, too.
    Member,
    /// Not in the team. The user may join only conversations that name them.
    Customer,
    /// Not a person, but the app's backend, which sets who takes part in the company's conversations.
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

/// A user of the app, or its backend.
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
    /// A new user without a company.
    pub fn stranger() -> Self {
        Self::called(&unique("user"))
    }

    /// A user with this id. Only for a private stack, where no other test can use the same id.
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

    /// Not a user, but the app's backend, with a token to publish.
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

    /// The same user with a role in another company.
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

    /// Adds a room to the user's tokens from now on.
    pub fn enter_room(&mut self, id: &str) {
        self.rooms.push(id.to_owned());
        self.token = OnceLock::new();
    }

    /// The same user, whose tokens expire after this time, such as `2s`.
    #[must_use]
    pub fn for_only(mut self, ttl: &str) -> Self {
        ttl.clone_into(&mut self.ttl);
        self.token = OnceLock::new();
        self
    }

    /// The same user with a separate token.
    #[must_use]
    pub fn again(&self) -> Self {
        let (name, companies) = (self.name.clone(), self.companies.clone());
        let (experiences, rooms) = (self.experiences.clone(), self.rooms.clone());
        Self { name, companies, experiences, rooms, ..Self::called(&self.id) }
    }

    /// The channel of this user's own notifications.
    pub fn channel(&self) -> String {
        format!("user:{}", self.id)
    }

    /// A token, which is minted at the first call.
    pub fn token(&self) -> Result<String> {
        if let Some(token) = self.token.get() {
            return Ok(token.clone());
        }
        let token = self.mint()?;
        Ok(self.token.get_or_init(|| token).clone())
    }

    /// Mints a token by `funnelcast-local token`, or by the shell command in `FUNNELCAST_TOKEN_COMMAND`, which takes the same
    /// arguments.
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

/// A new unique id, like `biz_5f0c...`.
pub fn unique(prefix: &str) -> String {
    format!("{prefix}_{:016x}", rand::random::<u64>())
}
