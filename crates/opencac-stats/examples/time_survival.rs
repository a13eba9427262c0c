//! Times the fits of `validation/stats/timing.sh` on a table: reading is not counted, as in the other packages.
//!
//! `time_survival TABLE cox|km`: columns time, event, and for cox every other column as a number.
#![expect(clippy::print_stdout, reason = "the times are the program's output")]

use std::time::Instant;

use opencac_stats::ConfidenceLevel;
use opencac_stats::survival::cox::{CoxInput, CoxOptions, fit};
use opencac_stats::survival::{Covariate, Design, FollowUp, KaplanMeier};
use opencac_stats::table::{Domain, Extraction, Table, TableFormat};

/// The best of this many runs is reported.
const RUNS: usize = 5;

fn best(mut run: impl FnMut()) -> f64 {
    let time = |()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    std::iter::repeat_n((), RUNS).map(time).fold(f64::INFINITY, f64::min)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [path, what] = &arguments[..] else { return Err("usage: time_survival TABLE cox|km".into()) };
    let start = Instant::now();
    let table = Table::read(std::fs::File::open(path)?, TableFormat::from_file_name(path), path, &|_| true)?;
    let mut extraction = Extraction::new(&table, Vec::new());
    let times = extraction.numbers("time", Domain::NonNegative)?;
    let events = extraction.numbers("event", Domain::NonNegative)?;
    let follow_up = FollowUp::new(times, events.into_iter().map(|event| event == 1.0).collect())?;
    let read = start.elapsed().as_secs_f64();
    if what == "km" {
        let seconds = best(|| drop(KaplanMeier::fit(&follow_up, ConfidenceLevel::P95)));
        println!(
            "opencac: Kaplan-Meier of {} rows {seconds:.4} s (reading the table {read:.2} s)",
            follow_up.len()
        );
        return Ok(());
    }
    let mut covariates = Vec::new();
    for k in 0.. {
        let name = format!("x{k}");
        if !table.has(&name) {
            break;
        }
        covariates.push(Covariate::Continuous { values: extraction.numbers(&name, Domain::Real)?, name });
    }
    let design = Design::new(&covariates)?;
    let input =
        CoxInput { follow_up: &follow_up, design: &design, strata: None, offset: None, cluster: None };
    let found = fit(&input, &CoxOptions::default())?;
    let seconds = best(|| drop(fit(&input, &CoxOptions::default())));
    println!(
        "opencac: Cox {} x {} ({} events, {} Newton steps) with C-index and test of proportional hazards {seconds:.4} s, log likelihood {:.6}",
        found.n,
        covariates.len(),
        found.events,
        found.iterations,
        found.log_likelihood
    );
    Ok(())
}
