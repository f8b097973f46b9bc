//! The report: what was measured, beside the goals.

mod chart;
mod measures;
mod table;

use std::{fmt, fs, path::Path};

use anyhow::{Context as _, Result};
use serde::Serialize;

use self::{
    measures::{Measure, measures},
    table::Table,
};
use crate::{
    broadcast::Broadcast,
    chat::{Latency, Throughput},
    count::Counted,
    files::Filed,
    machine::Machine,
    pieces::Piece,
    posts::Run,
    publishing::{Publishing, Way},
    start::Start,
};

/// All figures of one run. Parts that were not measured are empty.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    pub(crate) machine: Machine,
    pub(crate) full: bool,
    pub(crate) posts: Vec<Run>,
    pub(crate) broadcasts: Vec<Broadcast>,
    pub(crate) starts: Vec<Start>,
    pub(crate) latencies: Vec<Latency>,
    pub(crate) throughput: Option<Throughput>,
    pub(crate) publishing: Vec<Publishing>,
    pub(crate) filed: Vec<Filed>,
    pub(crate) counted: Vec<Counted>,
    pub(crate) pieces: Vec<Piece>,
}

impl Report {
    /// A report without figures.
    pub(crate) fn new(machine: Machine, full: bool) -> Self {
        Self {
            machine,
            full,
            posts: Vec::new(),
            broadcasts: Vec::new(),
            starts: Vec::new(),
            latencies: Vec::new(),
            throughput: None,
            publishing: Vec::new(),
            filed: Vec::new(),
            counted: Vec::new(),
            pieces: Vec::new(),
        }
    }

    /// Writes `report.json`, `report.txt` and `posts.svg` into a folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        #[derive(Serialize)]
        struct Whole<'a> {
            measures: Vec<Measure>,
            #[serde(flatten)]
            figures: &'a Report,
        }
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let whole = Whole { measures: measures(self), figures: self };
        fs::write(folder.join("report.json"), serde_json::to_string_pretty(&whole)? + "\n")?;
        fs::write(folder.join("report.txt"), self.to_string())?;
        if !self.posts.is_empty() {
            fs::write(folder.join("posts.svg"), chart::posts(&self.posts, &self.machine))?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n", self.machine.line())?;
        let mut table = Table::new(&["measure", "goal", "measured", ""]);
        for Measure { name, goal, value, holds } in measures(self) {
            let verdict = if holds { "ok" } else { "MISSED" };
            table.row([name, goal, format!("{value:.2}"), verdict.to_owned()]);
        }
        write!(f, "{table}")?;
        self.write_posts(f)?;
        self.write_broadcasts(f)?;
        self.write_starts(f)?;
        self.write_chat(f)?;
        self.write_publishing(f)?;
        self.write_filed(f)?;
        self.write_counted(f)?;
        self.write_pieces(f)
    }
}

impl Report {
    fn write_posts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&[
            "posts",
            "delay",
            "dead",
            "429",
            "by",
            "CPU us/post",
            "wall ms",
            "memory MB",
            "sockets",
            "in flight",
            "delivered",
            "twice",
        ]);
        for run in &self.posts {
            table.row([
                run.cell.members.to_string(),
                format!("{} ms", run.cell.delay_ms),
                if run.cell.dead { "1%" } else { "" }.to_owned(),
                if run.cell.bursts { "10%" } else { "" }.to_owned(),
                format!("{:?}", run.poster).to_lowercase(),
                format!("{:.1}", run.cpu_us_a_post),
                format!("{:.1}", run.wall_ms),
                megabytes(run.memory_bytes),
                run.sockets.to_string(),
                run.in_flight_most.to_string(),
                share(run.delivered),
                run.repeated.to_string(),
            ]);
        }
        write!(f, "{table}")
    }

    fn write_broadcasts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&[
            "update by `broadcast` to",
            "delay",
            "429",
            "CPU us/member",
            "wall ms",
            "memory MB",
            "sockets",
            "delivered",
            "twice",
        ]);
        for update in &self.broadcasts {
            table.row([
                update.members.to_string(),
                format!("{} ms", update.delay_ms),
                if update.bursts { "10%" } else { "" }.to_owned(),
                format!("{:.1}", update.cpu_us_a_member),
                format!("{:.1}", update.wall_ms),
                megabytes(update.memory_bytes),
                update.sockets_most.to_string(),
                share(update.delivered),
                update.repeated.to_string(),
            ]);
        }
        write!(f, "{table}")
    }

    fn write_starts(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&[
            "start of",
            "binary MB",
            "to poll: CPU ms",
            "wall ms",
            "first answer: CPU ms",
            "wall ms",
            "memory MB",
        ]);
        for start in &self.starts {
            table.row([
                start.function.clone(),
                megabytes(start.binary_bytes),
                format!("{:.2}", start.poll_cpu_ms),
                format!("{:.2}", start.poll_wall_ms),
                format!("{:.2}", start.first_cpu_ms),
                format!("{:.2}", start.first_wall_ms),
                megabytes(start.memory_bytes),
            ]);
        }
        write!(f, "{table}")
    }

    fn write_chat(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&["end to end, members", "messages", "send to receipt: p50 ms", "p99 ms"]);
        for Latency { members, messages, p50_ms, p99_ms, .. } in &self.latencies {
            table.row([
                members.to_string(),
                messages.to_string(),
                format!("{p50_ms:.2}"),
                format!("{p99_ms:.2}"),
            ]);
        }
        write!(f, "{table}")?;
        let mut table = Table::new(&["conversations of 2 at once", "sends/s", "ack: p50 ms", "p99 ms"]);
        if let Some(Throughput { conversations, sends_a_second, ack_p50_ms, ack_p99_ms, .. }) =
            &self.throughput
        {
            table.row([
                conversations.to_string(),
                format!("{sends_a_second:.0}"),
                format!("{ack_p50_ms:.2}"),
                format!("{ack_p99_ms:.2}"),
            ]);
        }
        write!(f, "{table}")
    }

    fn write_publishing(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&[
            "published by",
            "events/s",
            "/ the bus",
            "CPU us/event",
            "/ the bus",
            "reads/event",
            "write units",
            "posts",
        ]);
        let Some(bus) = self.publishing.iter().find(|figures| figures.way == Way::Bus) else { return Ok(()) };
        for figures in &self.publishing {
            table.row([
                match figures.way {
                    Way::Bus => "the bus, 1 a call",
                    Way::HttpOne => "HTTP, 1 a request",
                    Way::HttpHundred => "HTTP, 100 a request",
                }
                .to_owned(),
                format!("{:.0}", figures.events_a_second),
                format!("{:.2}", figures.events_a_second / bus.events_a_second),
                format!("{:.0}", figures.cpu_us_an_event),
                format!("{:.2}", figures.cpu_us_an_event / bus.cpu_us_an_event),
                format!("{:.2}", figures.reads_an_event),
                format!("{:.2}", figures.write_units_an_event),
                format!("{:.2}", figures.posts_an_event),
            ]);
        }
        write!(f, "{table}")
    }

    fn write_filed(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&[
            "a picture of 2 MB for two",
            "S3 puts",
            "gets",
            "read units",
            "write units",
            "invocations",
            "KB of payloads",
            "MB by `files`",
            "$ a million",
        ]);
        for filed in &self.filed {
            table.row([
                filed.by.to_owned(),
                filed.s3_puts.to_string(),
                filed.s3_gets.to_string(),
                format!("{:.1}", filed.read_units),
                format!("{:.0}", filed.write_units),
                filed.invocations.to_string(),
                filed.payload_bytes.map_or_else(String::new, |bytes| megabytes(bytes * 1_000)),
                filed.examined_bytes.map_or_else(String::new, megabytes),
                format!("{:.2}", filed.dollars_a_million),
            ]);
        }
        write!(f, "{table}")
    }

    fn write_counted(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&["a post by", "allocations", "bytes allocated", "instructions"]);
        for Counted { poster, allocations, allocated_bytes, instructions } in &self.counted {
            table.row([
                format!("{poster:?}").to_lowercase(),
                format!("{allocations:.1}"),
                format!("{allocated_bytes:.0}"),
                instructions.map_or_else(|| "no valgrind".to_owned(), |count| format!("{count:.0}")),
            ]);
        }
        write!(f, "{table}")
    }

    fn write_pieces(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = Table::new(&["a piece of `send`", "CPU us"]);
        for Piece { name, cpu_us } in &self.pieces {
            table.row([(*name).to_owned(), format!("{cpu_us:.2}")]);
        }
        write!(f, "{table}")
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes here are far below 2^52")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1}", bytes as f64 / 1e6)
}

/// Formats a share so precisely that a single missing one is seen.
fn share(share: f64) -> String {
    if share < 1.0 { format!("{share:.4}") } else { "all".to_owned() }
}
