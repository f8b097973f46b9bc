//! The command `dev`: the stack as the developer of an app needs it.
//!
//! It is a process of `up` with everything that suits an app on this machine, and is started again, on the same ports and
//! with the same data, when its template or parameters change. New parameters are checked before the running stack is
//! stopped.
//!
//! # Layout
//! - [`options`]: the options; [`parameters`], [`ports`]: what they leave open.
//! - [`child`]: the process; [`changes`]: when it is started again; [`ready_file`]: where another program finds it.

mod changes;
pub(crate) mod child;
mod options;
pub(crate) mod parameters;
mod ports;
mod ready_file;

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, ensure};
use serde_json::{Value, json};

use self::{
    changes::Changes,
    child::{Log, StackProcess},
    parameters::AppIssuer,
    ready_file::ReadyFile,
};
pub(crate) use self::{
    options::{DevOptions, StackOptions},
    ready_file::{Noted, noted},
};
use crate::{
    check,
    command::Failure,
    kept,
    keys::{SigningKey, VARIABLE},
    log::{self, LogFormat},
    project::Project,
    temporary,
    up::end_of_run,
};

/// The usual ports.
const PORT: u16 = 3001;
const HTTP_PORT: u16 = 3000;
/// The file of the private key that the app's backend signs with, in the project's `.funnelcast`.
const KEY_FILE: &str = "token-key.json";

/// Runs the stack until it is told to end.
pub(crate) async fn run(options: DevOptions) -> Result<(), Failure> {
    log::init(LogFormat::Text);
    let end = end_of_run(false)?;
    let project = Project::find(options.stack.template.as_deref()).map_err(Failure::Input)?;
    project.check_template().map_err(Failure::Input)?;
    let key = signing_key(&project)?;
    if let Noted::Running { ready, options: running } = noted(&project.folder).await {
        check_same(&options, running.as_deref()).map_err(Failure::Input)?;
        tracing::info!("the stack of this folder is already running; it reloads what was changed");
        let mut given = parameters::given(&options.stack, &project.folder).map_err(Failure::Input)?;
        let issuer = parameters::complete(&mut given, &project.template, &key, HTTP_PORT);
        announce(&options, &ready, &key, &issuer.map_err(Failure::Input)?)?;
        return Ok(());
    }
    let http_port = ports::choose(options.http_port, HTTP_PORT, None, "the HTTP API")?;
    let port = ports::choose(options.port, PORT, Some(http_port), "the WebSocket API")?;
    // Without a folder of the user's, the data live as long as this process.
    let own_data = options.data.is_none().then(|| temporary::folder_in(&std::env::temp_dir())).transpose()?;
    let data = options.data.clone().or_else(|| own_data.as_ref().map(|folder| folder.path().to_owned()));
    let program = child::own_program()?;
    let launch = Launch { options: &options, project: &project, key: &key, port, http_port, data };

    let mut changes = launch.changes(&program);
    let (arguments, issuer) = launch.arguments().map_err(Failure::Input)?;
    let mut stack = StackProcess::start(&program, &[arguments, launch.place()].concat(), Log::Shown).await?;
    let ready_file = ReadyFile::create(&project.folder, &stack.ready, options.digest())?;
    announce(&options, &stack.ready, &key, &issuer)?;
    tokio::pin!(end);
    loop {
        tokio::select! {
            () = &mut end => break,
            status = stack.ended() => return Err(anyhow!("the stack has ended: {}", status?).into()),
            file = changes.next() => {
                let file = file.display();
                let checked = match launch.arguments() {
                    Ok((arguments, _)) => check::starts(&program, &arguments).await.map(|()| arguments),
                    Err(error) => Err(Failure::Input(error)),
                };
                match checked {
                    Ok(arguments) => {
                        tracing::info!("{file} has changed; the stack starts again");
                        stack.stop().await?;
                        let arguments = [arguments, launch.place()].concat();
                        stack = StackProcess::start(&program, &arguments, Log::Shown).await?;
                        ready_file.replace(&stack.ready)?;
                    }
                    Err(failure) => {
                        tracing::error!("{file} has changed, and cannot be used; the stack goes on as before: {failure}");
                    }
                }
            }
        }
    }
    drop(ready_file);
    let status = stack.stop().await?;
    if !status.success() {
        return Err(anyhow!("the stack has not ended as it should: {status}").into());
    }
    Ok(())
}

/// Fails if these options would start another stack than the one that is running with those of the digest `running`.
fn check_same(options: &DevOptions, running: Option<&str>) -> anyhow::Result<()> {
    let given = options.digest();
    ensure!(
        given.is_none() || given.as_deref() == running,
        "the stack of this folder is already running, with other options: end it with Ctrl-C before you start it with these, or \
         leave them out"
    );
    Ok(())
}

/// The key that the app's backend signs with, made once for the project.
fn signing_key(project: &Project) -> anyhow::Result<SigningKey> {
    let text = kept::read_or_create(&project.folder, KEY_FILE, || SigningKey::generate(None)?.encoded())?;
    SigningKey::decode(&text).with_context(|| kept::path(&project.folder, KEY_FILE).display().to_string())
}

/// What every start of the stack has in common.
struct Launch<'a> {
    options: &'a DevOptions,
    project: &'a Project,
    key: &'a SigningKey,
    port: u16,
    http_port: u16,
    data: Option<PathBuf>,
}

impl Launch<'_> {
    fn changes(&self, program: &Path) -> Changes {
        let parameters = parameters::file(&self.options.stack, &self.project.folder);
        Changes::of([self.project.template.clone(), parameters, program.to_owned()])
    }

    /// The arguments for a stack with the parameters that hold now, wherever it is, and whether it accepts our key.
    fn arguments(&self) -> anyhow::Result<(Vec<OsString>, AppIssuer)> {
        let Self { options, project, .. } = self;
        let mut given = parameters::given(&options.stack, &project.folder)?;
        let issuer = parameters::complete(&mut given, &project.template, self.key, self.http_port)?;
        let secrets: BTreeMap<_, _> = options.stack.secret.iter().cloned().collect();
        Ok((child::arguments(project, &options.stack, &given, &secrets), issuer))
    }

    /// The arguments for the one stack that serves the app.
    fn place(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        let mut add = |name: &str, value: OsString| arguments.extend([name.into(), value]);
        add("--port", self.port.to_string().into());
        add("--http-port", self.http_port.to_string().into());
        if let Some(site) = self.options.site.clone().or_else(|| self.project.site()) {
            add("--site", site.into());
        }
        if let Some(data) = &self.data {
            add("--data", data.into());
        }
        arguments.extend(self.options.up.iter().cloned());
        arguments
    }
}

/// Says where everything is, and what the app needs to know of it.
fn announce(options: &DevOptions, ready: &Value, key: &SigningKey, issuer: &AppIssuer) -> anyhow::Result<()> {
    let mut env = vec![("FUNNELCAST_HTTP", ready["http"].as_str().unwrap_or_default().to_owned())];
    if *issuer == AppIssuer::Added {
        env.push((VARIABLE, key.encoded()?));
    }
    if options.json {
        let mut line = ready.clone();
        line["env"] = env.into_iter().map(|(name, value)| (name.to_owned(), json!(value))).collect();
        println!("{line}");
        return Ok(());
    }
    let url = |name: &str| ready[name].as_str().unwrap_or_default();
    println!("\nThe stack is ready; Ctrl-C ends it.\n");
    println!("  HTTP API, demo page   {}", url("http"));
    println!("  WebSocket API         {}", url("websocket"));
    println!("  AWS services          {}", url("aws"));
    println!("\nYour app's .env.local:\n");
    for (name, value) in &env {
        println!("{name}='{value}'");
    }
    match issuer {
        AppIssuer::Added => println!(
            "\nYour backend signs with it as {{ iss: '{}', aud: '{}', alg: 'ES256' }}.\n",
            crate::keys::APP_ISSUER,
            crate::keys::APP_AUDIENCE
        ),
        AppIssuer::Given => println!("\n{VARIABLE} is the key of your own entry in Issuers.\n"),
        AppIssuer::Impossible => println!(),
    }
    Ok(())
}
