//! The tables that people read, on the Veterans' lung cancer data.

mod support;

use opencac_stats::numeric::bootstrap::Resampling;
use opencac_stats::render::survival::tables;
use opencac_stats::render::{Digits, TableStyle, render_all};
use opencac_stats::survival::cox::CoxOptions;
use opencac_stats::survival::{CompetingFollowUp, Groups, ReportOptions, Study, survival_report};
use support::Data;

#[test]
fn a_survival_analysis_reads_like_the_tables_of_a_paper() {
    let data = Data::load("veteran");
    let (cells, arms) = (data.levels("celltype"), data.levels("trt"));
    let causes = data.numbers("status").into_iter().map(|status| status as usize).collect();
    let study = Study {
        ids: (0..137).map(|i| i.to_string()).collect(),
        follow_up: CompetingFollowUp::new(data.numbers("time"), causes).expect("follow-up"),
        groups: Some(Groups { names: cells.names, codes: cells.codes }),
        exposure: data.covariates(&["=celltype=squamous"]),
        additions: vec![data.covariates(&["karno", "age"])],
        strata: Some(Groups { names: arms.names, codes: arms.codes }),
        offset: None,
        cluster: None,
    };
    let options = ReportOptions {
        cox: CoxOptions::default(),
        times: vec![30.0, 180.0],
        predict_at: vec![30.0, 180.0, 600.0],
        horizon: Some(180.0),
        risk_scheme: None,
        calibration_groups: 4,
        resampling: Resampling { resamples: 100, seed: 1 },
    };
    let report = survival_report(&study, &options).expect("a report");
    insta::assert_snapshot!(render_all(&tables(&report, Digits::new(6)), TableStyle::Text));
}
