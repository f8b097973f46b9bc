//! The goals, and whether the figures reach them.

use serde::Serialize;

use super::Report;
use crate::{
    posts::{Cell, Poster, Run, count},
    start::EMPTY,
};

/// The posts under way at once, which decide how long a fan-out takes at best.
const IN_FLIGHT_MAX: usize = funnelcast_aws::gateway::IN_FLIGHT_MAX;

/// A goal, with the figure that was measured.
#[derive(Debug, Serialize)]
pub(super) struct Measure {
    pub(super) name: String,
    pub(super) goal: String,
    pub(super) value: f64,
    pub(super) holds: bool,
}

/// What a figure must be.
#[derive(Debug, Clone, Copy)]
enum Goal {
    AtMost(f64),
    Exactly(f64),
}

/// All goals for which the report has figures.
pub(super) fn measures(report: &Report) -> Vec<Measure> {
    let mut measures = Vec::new();
    posts(report, &mut measures);
    broadcasts(report, &mut measures);
    starts(report, &mut measures);
    measures
}

fn posts(report: &Report, measures: &mut Vec<Measure>) {
    let find = |members, delay_ms, poster| {
        let cell = Cell { members, delay_ms, dead: false, bursts: false };
        report.posts.iter().find(|run| run.cell == cell && run.poster == poster)
    };
    for members in [100, 1_000, 10_000] {
        if let (Some(ours), Some(bare)) = (find(members, 0, Poster::Ours), find(members, 0, Poster::Hyper)) {
            let name = format!("CPU a post, ours / hyper-util's pool, unsigned, N = {members}");
            measures.push(measure(name, Goal::AtMost(1.5), ours.cpu_us_a_post / bare.cpu_us_a_post));
        }
    }
    if let (Some(ours), Some(sdk)) = (find(1_000, 0, Poster::Ours), find(1_000, 0, Poster::Sdk)) {
        let name = "CPU a post, ours / the SDK's post_to_connection, bounded, N = 1000".to_owned();
        measures.push(measure(name, Goal::AtMost(0.3), ours.cpu_us_a_post / sdk.cpu_us_a_post));
    }
    for members in [1_000, 10_000] {
        if let Some(Run { wall_ms, .. }) = find(members, 10, Poster::Ours) {
            let best_ms = count(members.div_ceil(IN_FLIGHT_MAX)) * 10.0;
            let name = format!("wall, ours / ceil(N / {IN_FLIGHT_MAX}) x 10 ms, N = {members}");
            measures.push(measure(name, Goal::AtMost(1.2), wall_ms / best_ms));
        }
    }
    if let (Some(few), Some(many)) = (find(100, 0, Poster::Ours), find(10_000, 0, Poster::Ours)) {
        let name = "peak memory, the poster alone, N = 10000 / N = 100".to_owned();
        measures.push(measure(name, Goal::AtMost(1.4), ratio(many.memory_bytes, few.memory_bytes)));
    }
    let ours = report.posts.iter().filter(|run| run.poster == Poster::Ours);
    if let Some(least) = ours.map(|run| run.delivered).reduce(f64::min) {
        let name = "delivered / expected by the poster, the least of all cells, 1024 files".to_owned();
        measures.push(measure(name, Goal::Exactly(1.0), least));
    }
}

fn broadcasts(report: &Report, measures: &mut Vec<Measure>) {
    let find = |members| report.broadcasts.iter().find(|update| update.members == members && !update.bursts);
    if let (Some(few), Some(many)) = (find(100), find(10_000)) {
        let name = "peak memory, `broadcast`, N = 10000 / N = 100".to_owned();
        measures.push(measure(name, Goal::AtMost(1.4), ratio(many.memory_bytes, few.memory_bytes)));
    }
    if let Some(least) = report.broadcasts.iter().map(|update| update.delivered).reduce(f64::min) {
        let name =
            "delivered / expected by `broadcast`, 1% dead, 10% throttled, the dead rows gone".to_owned();
        measures.push(measure(name, Goal::Exactly(1.0), least));
    }
}

fn starts(report: &Report, measures: &mut Vec<Measure>) {
    let find = |name: &str| report.starts.iter().find(|start| start.function == name);
    if let Some(empty) = find(EMPTY) {
        for function in ["ping", "send", "broadcast"] {
            if let Some(start) = find(function) {
                let name = format!("CPU from exec to the first poll, `{function}` / an empty function");
                measures.push(measure(name, Goal::AtMost(1.5), start.poll_cpu_ms / empty.poll_cpu_ms));
            }
        }
    }
    if let Some(largest) = report.starts.iter().map(|start| start.binary_bytes).max() {
        let name = "largest binary, MB".to_owned();
        measures.push(measure(name, Goal::AtMost(6.0), ratio(largest, 1_000_000)));
    }
}

fn measure(name: String, goal: Goal, value: f64) -> Measure {
    match goal {
        Goal::AtMost(most) => Measure { name, goal: format!("<= {most}"), value, holds: value <= most },
        Goal::Exactly(exact) => {
            Measure { name, goal: format!("= {exact}"), value, holds: (value - exact).abs() < f64::EPSILON }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "sizes here are far below 2^52")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_holds_up_to_its_bound_and_an_exact_one_there_alone() {
        let holds = |goal, value| measure(String::new(), goal, value).holds;
        assert!(holds(Goal::AtMost(1.5), 1.5) && !holds(Goal::AtMost(1.5), 1.51));
        assert!(holds(Goal::Exactly(1.0), 1.0) && !holds(Goal::Exactly(1.0), 0.9999));
    }
}
