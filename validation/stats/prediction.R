# Curves, baseline hazards and predictions from R: Rscript prediction.R > reference/prediction.json
# crates/opencac/tests/survival.rs compares what `opencac survival` writes for the same tables.
suppressMessages(library(survival))
out <- list()
put <- function(name, ...) out[[name]] <<- as.numeric(unname(unlist(list(...))))
read <- function(name) read.csv(file.path("data", paste0(name, ".csv")))

# The baseline of opencac belongs to the mean of every column of the design, the 0/1 columns of levels included.
# (basehaz(centered = TRUE) leaves 0/1 columns at 0.) So the person is built here, from the design's own columns.
baseline <- function(name, fit, mean_person, people, times) {
  s <- survfit(fit, newdata = mean_person, conf.type = "log-log")
  event <- s$n.event > 0
  put(paste0(name, ".baseline"), s$time[event], s$cumhaz[event], s$std.err[event], s$surv[event], s$lower[event], s$upper[event])
  each <- lapply(seq_len(nrow(people)), function(i) {
    p <- summary(survfit(fit, newdata = people[i, , drop = FALSE], conf.type = "log-log"), times = times)
    c(p$surv, p$lower, p$upper)
  })
  put(paste0(name, ".predictions"), each)
}

## Without strata, Efron's ties; people with a gap in ph.ecog are left out
lung <- read("lung"); lung <- lung[!is.na(lung$ph.ecog), ]; lung$event <- lung$status == 2
for (k in 1:3) lung[[paste0("e", k)]] <- as.integer(lung$ph.ecog == k)
lung$female <- as.integer(lung$sex == 2)
fit <- coxph(Surv(time, event) ~ e1 + e2 + e3 + age + female, lung)
columns <- c("e1", "e2", "e3", "age", "female")
baseline("lung", fit, as.data.frame(as.list(colMeans(lung[, columns]))), lung, c(100, 365))

## Strata, Breslow's ties: the first stratum's baseline and the predictions of its people, then the second's
veteran <- read("veteran")
for (type in c("large", "smallcell", "squamous")) veteran[[type]] <- as.integer(veteran$celltype == type)
fit <- coxph(Surv(time, status) ~ large + smallcell + squamous + karno + strata(trt), veteran, ties = "breslow")
means <- as.list(colMeans(veteran[, c("large", "smallcell", "squamous", "karno")]))
for (arm in 1:2) {
  baseline(paste0("veteran", arm), fit, as.data.frame(c(means, trt = arm)), veteran[veteran$trt == arm, ], c(30, 180))
}

## Curves, step by step
km <- survfit(Surv(time, event) ~ sex, lung, conf.type = "log-log")
put("lung.curve", km$time, km$n.risk, km$n.event, km$n.censor, km$surv, km$std.err * km$surv, km$lower, km$upper)
cmp <- read("competing")
cif <- survfit(Surv(tied, factor(cause, 0:2)) ~ 1, cmp)
event <- rowSums(cif$n.event[, 2:3]) > 0
put("competing.curve", cif$time[event], cif$n.risk[event, 1], cif$n.event[event, 2], cif$n.event[event, 3], cif$pstate[event, 2])

cat(jsonlite::toJSON(out, digits = NA, na = "null"), "\n")
