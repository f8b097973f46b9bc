//! The chart of the README: the CPU time of a post, ours beside the baselines, by the size of the channel. It is an SVG of bars,
//! which needs no library.

use std::fmt::Write as _;

use crate::{
    machine::Machine,
    posts::{POSTERS, Poster, Run},
};

const WIDTH: f64 = 720.0;
/// Where bars begin, and how long they may be.
const LEFT: f64 = 190.0;
const LENGTH_MAX: f64 = 450.0;
const BAR: f64 = 16.0;
const GAP: f64 = 14.0;
const TOP: f64 = 58.0;

/// Draws the CPU time of a post for a gateway that answers at once, with no dead members and no throttling.
pub(super) fn posts(runs: &[Run], machine: &Machine) -> String {
    let plain: Vec<&Run> =
        runs.iter().filter(|run| run.cell.delay_ms == 0 && !run.cell.dead && !run.cell.bursts).collect();
    let longest = plain.iter().map(|run| run.cpu_us_a_post).fold(f64::MIN_POSITIVE, f64::max);
    let mut bars = String::new();
    let mut top = TOP;
    for group in plain.chunk_by(|run, next| run.cell == next.cell) {
        for (place, poster) in POSTERS.into_iter().enumerate() {
            let Some(run) = group.iter().find(|run| run.poster == poster) else { continue };
            let label = if place == 0 { format!("to {} members", run.cell.members) } else { String::new() };
            bar(&mut bars, top, &label, run, run.cpu_us_a_post / longest * LENGTH_MAX);
            top += BAR;
        }
        top += GAP;
    }
    let height = top + 18.0;
    let stamp = escape(&format!(
        "{}, commit {}, {}, {} cores",
        machine.at, machine.commit, machine.cpu, machine.cores
    ));
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12" fill="#57606a">
<text x="14" y="24" font-size="15" font-weight="bold">CPU time a post, in microseconds (less is better)</text>
<text x="14" y="42">100 under way at once, keep-alive, on one machine, in turns; unbounded: all at once</text>
{bars}<text x="14" y="{y}" font-size="10">{stamp}</text>
</svg>
"##,
        y = height - 8.0,
    )
}

fn bar(svg: &mut String, top: f64, label: &str, run: &Run, length: f64) {
    let (name, colour) = match run.poster {
        Poster::Ours => ("ours, signed", "#2da44e"),
        Poster::Hyper => ("hyper-util, unsigned", "#8c959f"),
        Poster::Sdk => ("AWS SDK", "#bf8700"),
        Poster::Unbounded => ("AWS SDK, unbounded", "#cf222e"),
    };
    let lost = if run.delivered < 1.0 {
        format!(", {:.0}% lost", (1.0 - run.delivered) * 100.0)
    } else {
        String::new()
    };
    let middle = top + BAR - 4.0;
    let (height, after) = (BAR - 3.0, LEFT + length + 6.0);
    // Writing to a string cannot fail.
    let _ = writeln!(
        svg,
        r#"<text x="14" y="{middle}">{label}</text><rect x="{LEFT}" y="{top}" width="{length:.1}" height="{height}" fill="{colour}"/><text x="{after:.1}" y="{middle}">{:.1} {name}{lost}</text>"#,
        run.cpu_us_a_post,
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
