//! The command line: a subcommand for each thing to do.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{
    check::{self, CheckOptions},
    command::Failure,
    cost::{self, CostOptions},
    dev::{self, DevOptions},
    emit::{self, EmitOptions},
    iam::{self, RightsOptions},
    keys::{self, KeysOptions},
    package::{self, PackOptions},
    token::{self, TokenOptions},
    up::{self, UpOptions},
};

const OPERATOR: &str = "\
For whoever operates a stack, on AWS or on this machine: ban, connections, dead-letters, disconnect, doctor, erase and
export, each with --help (`npx funnelcast doctor --help`; in a checkout
`make operate ARGS=\"doctor --help\"`).";

/// Runs the whole stack of template.yaml on this machine, without Docker and without an AWS account.
#[derive(Debug, Parser)]
#[command(name = "funnelcast-local", version, after_help = OPERATOR)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Dev(DevOptions),
    Check(CheckOptions),
    Token(TokenOptions),
    Keys(KeysOptions),
    Emit(EmitOptions),
    Cost(CostOptions),
    Up(Box<UpOptions>),
    Rights(RightsOptions),
    Pack(PackOptions),
}

/// Parses the command line and runs the command. A failure is one line on stderr.
pub(crate) fn run() -> ExitCode {
    let (code, error) = match execute(Cli::parse().command) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(Failure::Input(error)) => (2, error),
        Err(Failure::Other(error)) => (1, error),
        Err(Failure::Reported(code)) => return ExitCode::from(code),
    };
    eprintln!("error: {error:#}");
    ExitCode::from(code)
}

fn execute(command: Command) -> Result<(), Failure> {
    match command {
        Command::Dev(options) => runtime()?.block_on(dev::run(options)),
        Command::Check(options) => runtime()?.block_on(check::run(&options)),
        Command::Keys(options) => keys::run(options).map_err(Failure::Other),
        Command::Pack(options) => package::pack(&options).map_err(Failure::Other),
        Command::Up(options) => runtime()?.block_on(up::run(*options)),
        Command::Emit(options) => runtime()?.block_on(emit::run(&options)).map_err(Failure::Other),
        Command::Cost(options) => cost::run(&options).map_err(Failure::Input),
        Command::Rights(options) => iam::run(&options).map_err(Failure::Other),
        Command::Token(options) => token::run(options).map_err(Failure::Other),
    }
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
