# Times R's survival package on the tables of timing.sh.
library(survival)
arguments <- commandArgs(TRUE)
frame <- read.csv(arguments[2])
version <- as.character(packageVersion("survival"))
best <- function(run, runs) min(sapply(seq_len(runs), function(i) system.time(run())[["elapsed"]]))
if (arguments[1] == "cox") {
  seconds <- best(function() fit <<- coxph(Surv(time, event) ~ ., frame), 3)
  cat(sprintf("R survival %s: Cox %d x %d %.3f s, log likelihood %.6f\n", version, nrow(frame), ncol(frame) - 2, seconds, fit$loglik[2]))
} else {
  seconds <- best(function() survfit(Surv(time, event) ~ 1, frame, conf.type = "log-log"), 2)
  cat(sprintf("R survival %s: Kaplan-Meier of %d rows %.3f s\n", version, nrow(frame), seconds))
}
