//! Which commit was measured, on which machine and when. Figures without that are worth nothing.

use std::process::Command;

use serde::Serialize;

/// The machine and the commit of a report.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) rust: String,
    /// The commit, followed by `+` if the checkout has changes.
    pub(crate) commit: String,
    pub(crate) at: String,
    /// The load of the last minute before the run, which is that of other work on the machine.
    pub(crate) load: f64,
}

impl Machine {
    /// Describes this machine, now.
    pub(crate) fn look() -> Self {
        let changes = output("git", &["status", "--porcelain", "--untracked-files=no"]);
        Self {
            cpu: read("/proc/cpuinfo")
                .lines()
                .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
                .map_or_else(|| "an unknown CPU".to_owned(), |(_, model)| model.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            rust: output("rustc", &["--version"]),
            commit: output("git", &["rev-parse", "--short", "HEAD"])
                + if changes.is_empty() { "" } else { "+" },
            at: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
            load: read("/proc/loadavg")
                .split(' ')
                .next()
                .and_then(|load| load.parse().ok())
                .unwrap_or_default(),
        }
    }

    /// All of it in one line.
    pub(crate) fn line(&self) -> String {
        let Self { cpu, cores, kernel, rust, commit, at, load } = self;
        format!("{at}, commit {commit}, {cpu}, {cores} cores, Linux {kernel}, {rust}, load at first {load}")
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(crate::root()).output();
    output.map_or_else(|_| "?".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
