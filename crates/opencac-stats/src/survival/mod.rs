//! Time to event: Kaplan-Meier, log-rank, Cox and Fine-Gray models, competing risks, reclassification, calibration.

mod calibration;
mod columns;
mod competing;
mod concordance;
pub mod cox;
mod data;
mod design;
mod fine_gray;
mod kaplan_meier;
mod log_rank;
mod model_set;
mod prediction;
mod reclassification;
mod report;

pub use calibration::{Calibration, CalibrationGroup, calibration};
pub use competing::{CumulativeIncidence, IncidenceStep, cumulative_incidence};
pub use concordance::{Concordance, concordance};
pub use cox::Convergence;
pub use data::{CompetingFollowUp, FollowUp};
pub use design::{Covariate, Design, DesignColumn};
pub use fine_gray::{FineGrayFit, SubdistributionCoefficient, fine_gray};
pub use kaplan_meier::{KaplanMeier, Step};
pub use log_rank::{GroupEvents, Grouping, LogRank, log_rank};
pub use model_set::{Cohort, NamedModel, model_set};
pub use prediction::{CovariateMean, ModelBaseline, PredictedSurvival, Predictions, StratumBaseline};
pub use reclassification::{
    HorizonOutcome, NetReclassification, Reclassification, RiskPair, reclassification,
};
pub use report::{
    GroupIncidence, GroupSurvival, Groups, IncidencePoint, NamedSubdistribution, ReportOptions, Study,
    SurvivalReport, TimePoint, survival_report,
};
