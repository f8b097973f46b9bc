//! A short soak: random traffic of the shipped TypeScript client under faults, from fixed seeds, with every guarantee checked.
//! It needs the client's package, which `make suite` builds. `make soak` runs longer ones.

use std::time::Duration;

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use tests::soak::report::Figures;
use tests::soak::{Part, Plan, run};

const STORM: Duration = Duration::from_secs(10);
const DEVICES: usize = 8;

/// The parts that take rights away within seconds are left to `make soak`: where a right and a request cross, a person has to
/// judge what is found.
const RIGHTS: [Part; 5] = [Part::Participants, Part::Kicks, Part::Moderation, Part::Grants, Part::Expiry];

/// The runs, each on a stack of its own. They run at once, because most of a run is waiting for ghosts to go. The first one has
/// no large channel; the second one has it, but no kills, no pauses and no large replies.
fn plans() -> [Plan; 2] {
    let plan = |seed, without: &[Part]| {
        let without = without.iter().chain(&RIGHTS).copied().collect();
        Plan { devices: DEVICES, without, ..Plan::new(seed, STORM) }
    };
    [plan(1, &[Part::Crowd]), plan(2, &[Part::Kills, Part::Pauses, Part::Large])]
}

#[tokio::test(flavor = "multi_thread")]
async fn all_guarantees_hold_under_faults() -> Result<()> {
    let plans = plans();
    let reports = try_join_all(plans.iter().map(run)).await?;
    let mut figures = Figures::default();
    for report in reports.into_iter().flatten() {
        ensure!(report.breaches.is_empty(), "{}\n{}", report.summary(), report.keep()?);
        figures.add(&report.figures);
    }
    println!("{}", figures.table());
    if figures.runs > 0 {
        // Where nothing happened, nothing was proved.
        for (what, count) in [
            ("acked", figures.acked),
            ("duplicates told", figures.duplicates),
            ("recoveries", figures.recoveries),
            ("published", figures.published),
            ("faults", figures.faults.values().sum()),
        ] {
            assert!(count > 0, "no {what}");
        }
    }
    Ok(())
}
