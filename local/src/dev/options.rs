//! The options of `dev`, and those that it shares with `check`.

use std::{ffi::OsString, path::PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use clap::Args;

use crate::command::key_value;

/// What a stack is started with.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct StackOptions {
    /// The SAM template to run [default: that of the npm package; in a checkout template.yaml].
    #[arg(long, value_name = "FILE")]
    pub(crate) template: Option<PathBuf>,
    /// Folder of the functions' binaries, as NAME or NAME/bootstrap [default: that of the npm package; in a checkout
    /// target/debug].
    #[arg(long, value_name = "DIR")]
    pub(crate) bin_dir: Option<PathBuf>,
    /// A file with parameters of the template, as YAML or JSON: `Name: value` on each line [default: funnelcast.yaml, if
    /// there is one].
    #[arg(long, value_name = "FILE")]
    pub(crate) parameters: Option<PathBuf>,
    /// A parameter of the template, before the one in the file; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_value)]
    pub(crate) parameter: Vec<(String, String)>,
    /// A secret of Secrets Manager that the functions can read by its name; may be repeated. Visible to everyone who
    /// can list this machine's processes.
    #[arg(long, value_name = "NAME=VALUE", value_parser = key_value)]
    pub(crate) secret: Vec<(String, String)>,
}

const EXAMPLES: &str = "\
Examples:
  funnelcast dev                                        everything, with the demo page
  funnelcast dev --data .funnelcast/data                keeps conversations between runs
  funnelcast dev --parameter AllowedOrigins=http://localhost:4321
  funnelcast dev -- --fault gone=0.1 --idle-timeout 1m  what follows -- are options of `up`

funnelcast.yaml is read again whenever it changes:
  AgentUserId: user_bot
  Issuers:
    - {kind: whop, aud: app_xxxxxxxxxxxxxx}";

/// Starts the stack for the development of an app: with the demo page, for pages of localhost, and with a key that your
/// backend can sign with. Prints the variables that your app needs.
///
/// It is `up` with all of that, started again when the template or the file of parameters changes, with its data.
///
/// A second one in the same folder prints the same of the running stack. With other options it fails, as the stack has to be
/// ended first.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DevOptions {
    #[command(flatten)]
    pub(crate) stack: StackOptions,
    /// Port of the WebSocket API and of every AWS service; 0 takes any free one [default: 3001, or the next free one].
    #[arg(long)]
    pub(crate) port: Option<u16>,
    /// Port of the HTTP API and of the demo page; 0 takes any free one [default: 3000, or the next free one].
    #[arg(long)]
    pub(crate) http_port: Option<u16>,
    /// Folder of another page than the demo, with an index.html.
    #[arg(long, value_name = "DIR")]
    pub(crate) site: Option<PathBuf>,
    /// Folder that keeps tables, queues and unfinished work between runs. Without it everything is gone at the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Print one line of JSON instead of text: the stack's URLs and names, and the variables as `env`.
    #[arg(long)]
    pub(crate) json: bool,
    /// Further options, of `up`.
    #[arg(last = true, value_name = "UP_OPTIONS")]
    pub(crate) up: Vec<OsString>,
}

impl DevOptions {
    /// A digest of the options that make a stack what it is, by which a second `dev` knows whether it would start the same;
    /// `None` if there are none. A digest, as secrets are among them.
    pub(super) fn digest(&self) -> Option<String> {
        let text = |options: &Self| format!("{:?}", Self { json: false, ..options.clone() });
        let own = text(self);
        (own != text(&Self::default())).then(|| hex::encode(digest(&SHA256, own.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        dev: DevOptions,
    }

    fn digest_of(options: &[&str]) -> Option<String> {
        Cli::parse_from([&["dev"], options].concat()).dev.digest()
    }

    #[test]
    fn options_that_make_another_stack_are_told_from_those_that_do_not() {
        assert_eq!(digest_of(&[]), None);
        assert_eq!(digest_of(&["--json"]), None);
        let searched = ["--parameter", "Search=on"];
        assert!(digest_of(&searched).is_some());
        assert_eq!(digest_of(&searched), digest_of(&["--json", "--parameter", "Search=on"]));
        for other in [
            &["--parameter", "Search=off"][..],
            &["--secret", "a=b"],
            &["--data", "d"],
            &["--port", "0"],
            &["--", "--fault", "gone=1"],
        ] {
            assert!(digest_of(other).is_some_and(|digest| Some(digest) != digest_of(&searched)), "{other:?}");
        }
    }
}
