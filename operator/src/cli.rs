//! The command line: a subcommand for each thing to do.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{
    commands::{
        ban::{self, BanOptions},
        connections::{self, ConnectionsOptions},
        dead_letters::{self, DeadLettersOptions},
        disconnect::{self, DisconnectOptions},
        doctor::{self, DoctorOptions},
    },
    output::Output,
    stack::Place,
};

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 something failed, 2 the command line is wrong; `doctor` has more.
Each command says by --help what it reads, what it changes and what that costs.";

/// Looks into a stack and changes what goes on in it, with your AWS credentials or on a local stack.
#[derive(Debug, Parser)]
#[command(name = "funnelcast", version, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

#[derive(Debug, Subcommand)]
enum Command {
    Connections(ConnectionsOptions),
    Disconnect(DisconnectOptions),
    Ban(BanOptions),
    DeadLetters(DeadLettersOptions),
    Doctor(DoctorOptions),
}

/// Parses the command line and runs the command. A failure is one line on stderr.
pub(crate) fn run() -> ExitCode {
    let Cli { command, place, json } = Cli::parse();
    let done = runtime().and_then(|runtime| runtime.block_on(execute(command, &place, Output::new(json))));
    done.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

async fn execute(command: Command, place: &Place, output: Output) -> Result<ExitCode> {
    match command {
        Command::Connections(options) => connections::run(place, output, options).await?,
        Command::Disconnect(options) => Box::pin(disconnect::run(place, output, options)).await?,
        Command::Ban(options) => Box::pin(ban::run(place, output, options)).await?,
        Command::DeadLetters(options) => return dead_letters::run(place, output, options).await,
        Command::Doctor(DoctorOptions {}) => return doctor::run(place, output).await,
    }
    Ok(ExitCode::SUCCESS)
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// `npx funnelcast` starts this program for its commands, and the local stack for all others.
    #[test]
    fn the_npm_package_knows_every_command() {
        let launcher = include_str!("../../client/bin/funnelcast.js");
        let (_, list) = launcher.split_once("const OPERATOR = [").unwrap();
        let (list, _) = list.split_once(']').unwrap();
        let mut listed: Vec<_> = list.split(',').map(|name| name.trim().trim_matches('\'')).collect();
        listed.sort_unstable();
        let mut commands: Vec<_> =
            Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect();
        commands.sort_unstable();
        assert_eq!(listed, commands);
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
