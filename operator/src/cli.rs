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
        erase::{self, EraseOptions},
        export::{self, ExportOptions},
    },
    output::{self, Output},
    stack::Place,
};

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 something failed or could not be seen whole, 2 the command line is wrong, 141 whoever read the output has
gone away before its end, as `head` does; `doctor` has more.
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
    Erase(EraseOptions),
    Export(ExportOptions),
}

/// How a command ends whose output nobody reads any more: as one that SIGPIPE has ended, so that half of an export is not taken
/// for a whole one.
const READER_GONE: u8 = 141;

/// Parses the command line and runs the command. A failure is one line on stderr.
pub(crate) fn run() -> ExitCode {
    let Cli { command, place, json } = Cli::parse();
    let done = runtime().and_then(|runtime| runtime.block_on(execute(command, &place, Output::new(json))));
    done.unwrap_or_else(|error| {
        if output::is_reader_gone(&error) {
            return ExitCode::from(READER_GONE);
        }
        output::say(format_args!("error: {}", output::printable(&format!("{error:#}"), "\n")));
        ExitCode::FAILURE
    })
}

async fn execute(command: Command, place: &Place, output: Output) -> Result<ExitCode> {
    match command {
        Command::Connections(options) => connections::run(place, output, options).await?,
        Command::Disconnect(options) => Box::pin(disconnect::run(place, output, options)).await?,
        Command::Ban(options) => Box::pin(ban::run(place, output, options)).await?,
        Command::DeadLetters(options) => return dead_letters::run(place, output, options).await,
        Command::Erase(options) => Box::pin(erase::run(place, output, options)).await?,
        Command::Export(options) => export::run(place, options).await?,
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

    /// What clap says of a command line, if it refuses it: with exit code 2.
    fn refusal(line: &str) -> Option<String> {
        let error = Cli::try_parse_from(["funnelcast"].into_iter().chain(line.split(' '))).err()?;
        assert_eq!(error.exit_code(), 2);
        Some(error.to_string())
    }

    #[test]
    fn an_id_may_begin_with_a_dash() {
        for line in [
            "connections --user -dash",
            "connections --company -biz",
            "disconnect --user -dash --connection -4emNcOFvHcCIhw=",
            "ban --user -dash --company -biz",
            "ban --user -dash --conversation -conv --dry-run",
            "erase --user -dash",
            "export --user -dash",
            "export --conversation -conv",
            "dead-letters show -- -letter",
        ] {
            assert_eq!(refusal(line), None, "{line}");
        }
        // A mistyped option is no id.
        assert!(refusal("dead-letters drop --dry-rum id").is_some());
    }

    #[test]
    fn a_ban_that_has_ended_is_refused() {
        let ban = "ban --user u --company biz_1 --until";
        assert_eq!(refusal(&format!("{ban} 2999-01-01T00:00:00Z")), None);
        let why = refusal(&format!("{ban} 2020-01-01T00:00:00Z")).unwrap();
        assert!(why.contains("--until <TIME>") && why.contains("must be in the future"), "{why}");
    }

    #[test]
    fn only_known_sources_and_codes_filter_letters() {
        for command in ["list", "retry --all", "drop --all"] {
            let line = format!("dead-letters {command}");
            assert_eq!(refusal(&format!("{line} --source bus --code bad_request")), None);
            let why = refusal(&format!("{line} --source Bus")).unwrap();
            assert!(
                why.contains("--source") && why.contains("outbox") && why.contains("invocation"),
                "{why}"
            );
            let why = refusal(&format!("{line} --code bad-request")).unwrap();
            assert!(why.contains("--code") && why.contains("bad_request"), "{why}");
        }
    }
}
