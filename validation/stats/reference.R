# Reference numbers from R: Rscript reference.R > reference/r.json
# One entry a statistic: a name and a vector of numbers. crates/opencac-stats/tests/reference.rs compares them.
suppressMessages({library(survival); library(pROC); library(cmprsk); library(psych); library(Hmisc)})
out <- list()
put <- function(name, ...) out[[name]] <<- as.numeric(unname(unlist(list(...))))
read <- function(name) read.csv(file.path("data", paste0(name, ".csv")))

## Agreement ---------------------------------------------------------------------------------------------------------
r <- read("raters"); n <- nrow(r); z <- qnorm(0.975)
p <- cor.test(r$a, r$b); put("raters.pearson", p$estimate, p$conf.int, p$p.value)
s <- cor.test(r$a, r$b, method = "spearman", exact = FALSE); rho <- unname(s$estimate)
# cor.test gives no interval for ranks: Bonett and Wright 2000, as a formula.
half <- z * sqrt((1 + rho^2 / 2) / (n - 3)); put("raters.spearman", rho, tanh(atanh(rho) - half), tanh(atanh(rho) + half))
category <- function(v) findInterval(v, c(0, 100, 300), left.open = TRUE) + 1
tab <- table(factor(category(r$b), 1:4), factor(category(r$a), 1:4)); put("raters.matrix", t(tab))
w <- prop.test(sum(diag(tab)), n, correct = FALSE); put("raters.rate", w$estimate, w$conf.int)
linear <- 1 - abs(outer(1:4, 1:4, "-")) / 3
k <- cohen.kappa(matrix(as.numeric(tab), 4)); kl <- cohen.kappa(matrix(as.numeric(tab), 4), w = linear)
put("raters.kappa", k$kappa, sqrt(k$var.kappa)); put("raters.kappa_quadratic", k$weighted.kappa)
put("raters.kappa_linear", kl$weighted.kappa) # psych gives variance 0 for weighted kappas here; see reference.py
icc <- ICC(r[, c("a", "b")], lmer = FALSE)$results
for (i in 1:3) put(paste0("raters.icc", i), icc$ICC[i], icc$F[i], icc$df1[i], icc$df2[i], icc$`lower bound`[i], icc$`upper bound`[i])
icc3 <- ICC(r[, c("a", "b", "c")], lmer = FALSE)$results
for (i in 1:3) put(paste0("raters3.icc", i), icc3$ICC[i], icc3$F[i], icc3$df1[i], icc3$df2[i], icc3$`lower bound`[i], icc3$`upper bound`[i])
ba <- function(name, d) {
  m <- mean(d); sd <- sd(d); k <- length(d); t <- qt(0.975, k - 1); e <- sd * sqrt(1 / k + 1.96^2 / (2 * (k - 1)))
  put(name, m, m - t * sd / sqrt(k), m + t * sd / sqrt(k), sd, m - 1.96 * sd, m - 1.96 * sd - t * e, m - 1.96 * sd + t * e, m + 1.96 * sd, m + 1.96 * sd - t * e, m + 1.96 * sd + t * e)
}
ba("raters.ba", r$a - r$b); ba("raters.ba_log", log(r$a + 1) - log(r$b + 1))
both <- r$a > 0 & r$b > 0; ba("raters.ba_ratio", (r$a / r$b)[both])
some <- r$a + r$b > 0; ba("raters.ba_percent", (200 * (r$a - r$b) / (r$a + r$b))[some])
for (cut in c(0, 100, 300)) {
  truth <- r$b > cut; ra <- roc(truth, r$a, quiet = TRUE, direction = "<"); rc <- roc(truth, r$c, quiet = TRUE, direction = "<")
  ci <- as.numeric(ci.auc(ra)); test <- roc.test(ra, rc, method = "delong")
  put(paste0("raters.auc", cut), ci[2], ci[1], min(ci[3], 1), sqrt(var(ra)), auc(rc), test$statistic, test$p.value)
  hit <- r$a > cut; rate <- function(x, m) if (m > 0) { w <- prop.test(x, m, correct = FALSE); c(x / m, w$conf.int) } else rep(NA, 3)
  put(paste0("raters.detect", cut), suppressWarnings(c(rate(sum(hit & truth), sum(truth)), rate(sum(!hit & !truth), sum(!truth)),
    rate(sum(hit & truth), sum(hit)), rate(sum(!hit & !truth), sum(!hit)))))
}

## Kaplan-Meier, log-rank --------------------------------------------------------------------------------------------
lung <- read("lung"); lung$event <- as.integer(lung$status == 2); veteran <- read("veteran"); ovarian <- read("ovarian")
pbc <- read("pbc"); pbc$death <- as.integer(pbc$status == 2); ties <- read("ties")
km <- function(name, frame, time, event) {
  f <- survfit(Surv(frame[[time]], frame[[event]]) ~ 1, conf.type = "log-log"); s <- summary(f)
  put(paste0(name, ".km"), s$surv, s$std.err, s$lower, s$upper)
  q <- quantile(f, c(0.25, 0.5)); put(paste0(name, ".km_quantile"), q$quantile, q$lower, q$upper)
}
km("lung", lung, "time", "event"); km("veteran", veteran, "time", "status"); km("ovarian", ovarian, "futime", "fustat"); km("ties", ties, "time", "event")
lr <- function(name, f) {
  trend <- { d <- rowSums(as.matrix(f$obs)) - rowSums(as.matrix(f$exp)); s <- seq_along(d) - 1; sum(s * d)^2 / c(t(s) %*% f$var %*% s) }
  put(name, rowSums(as.matrix(f$obs)), rowSums(as.matrix(f$exp)), f$chisq, trend)
}
lr("lung.logrank", survdiff(Surv(time, event) ~ sex, lung))
lr("veteran.logrank", survdiff(Surv(time, status) ~ celltype, veteran))
lr("veteran.logrank_strata", survdiff(Surv(time, status) ~ celltype + strata(trt), veteran))
lr("ties.logrank", survdiff(Surv(time, event) ~ arm + strata(site), ties))

## Cox ---------------------------------------------------------------------------------------------------------------
cox <- function(name, f, zph = TRUE) {
  s <- summary(f)
  put(paste0(name, ".coef"), coef(f)); put(paste0(name, ".se"), sqrt(diag(f$var)))
  put(paste0(name, ".loglik"), f$loglik)
  put(paste0(name, ".tests"), s$logtest["test"], f$score, f$wald.test)
  k <- concordance(f); put(paste0(name, ".c"), k$concordance, sqrt(k$var))
  if (zph) for (tr in c("km", "identity", "log")) put(paste0(name, ".zph_", tr), cox.zph(f, tr)$table[, "chisq"])
}
for (m in c("efron", "breslow")) {
  cox(paste0("veteran.cox_", m), coxph(Surv(time, status) ~ factor(trt) + relevel(factor(celltype), "squamous") + karno + diagtime + age + factor(prior), veteran, ties = m))
  cox(paste0("lung.cox_", m), coxph(Surv(time, event) ~ age + factor(sex) + wt.loss, lung, ties = m))
  cox(paste0("ovarian.cox_", m), coxph(Surv(futime, fustat) ~ age + resid.ds + rx + ecog.ps, ovarian, ties = m))
  cox(paste0("pbc.cox_", m), coxph(Surv(time, death) ~ age + factor(edema) + bili + albumin + protime, pbc, ties = m))
  cox(paste0("ties.cox_", m), coxph(Surv(time, event) ~ x1 + x2 + arm, ties, ties = m))
  cox(paste0("ties.strata_", m), coxph(Surv(time, event) ~ x1 + x2 + arm + strata(site), ties, ties = m))
  cox(paste0("ties.offset_", m), coxph(Surv(time, event) ~ x2 + arm + offset(off), ties, ties = m), zph = FALSE)
  rob <- coxph(Surv(time, event) ~ x1 + x2 + arm + strata(site), ties, ties = m, robust = TRUE); put(paste0("ties.robust_", m), sqrt(diag(rob$var)), rob$wald.test)
  clu <- coxph(Surv(time, event) ~ x1 + x2 + arm, ties, ties = m, cluster = family); put(paste0("ties.cluster_", m), sqrt(diag(clu$var)), sqrt(diag(clu$naive.var)))
}
empty <- read("empty_stratum"); cox("empty.cox", coxph(Surv(time, event) ~ x + strata(stratum), empty))
one <- read("one_event"); fit1 <- coxph(Surv(time, event) ~ x, one); cox("one.cox", fit1, zph = FALSE)
sep <- read("separated"); fs <- suppressWarnings(coxph(Surv(time, event) ~ exposed + age, sep, control = coxph.control(eps = 1e-14, iter.max = 40)))
put("separated.limit", coef(fs)["age"], fs$loglik[2], 2 * diff(fs$loglik), fs$score)
base <- function(name, f, newdata, at) {
  b <- basehaz(f, centered = TRUE); put(paste0(name, ".basehaz"), b$hazard[b$time %in% unique(f$y[f$y[, 2] == 1, 1])])
  s <- summary(survfit(f, newdata = newdata, conf.type = "log-log"), times = at); put(paste0(name, ".predict"), s$surv, s$lower, s$upper)
}
for (m in c("efron", "breslow")) base(paste0("ties.base_", m), coxph(Surv(time, event) ~ x1 + x2, ties, ties = m), data.frame(x1 = c(0, 1.2), x2 = c(1, 0.3)), c(3, 8))

## Competing risks ---------------------------------------------------------------------------------------------------
cmp <- read("competing")
ci <- cuminc(cmp$time, cmp$cause); tp <- timepoints(ci, c(1, 3, 6)); put("competing.cuminc", tp$est[1, ], tp$est[2, ]); put("competing.cuminc_se_gray", sqrt(tp$var[1, ]), sqrt(tp$var[2, ]))
ms <- summary(survfit(Surv(time, factor(cause, 0:2)) ~ 1, cmp), times = c(1, 3, 6)); put("competing.aj_se", ms$std.err[, 2], ms$std.err[, 3])
mt <- summary(survfit(Surv(tied, factor(cause, 0:2)) ~ 1, cmp), times = c(1, 3, 6)); put("competing.aj_tied", mt$pstate[, 2], mt$pstate[, 3])
for (tm in c("time", "tied")) { f <- crr(cmp[[tm]], cmp$cause, cmp[, c("x", "z")], variance = TRUE, gtol = 1e-10); put(paste0("competing.crr_", tm), f$coef, sqrt(diag(f$var)), f$loglik.null, f$loglik) }
pf <- crr(pbc$time, ifelse(pbc$status == 0, 0, 3 - pbc$status), as.matrix(pbc[, c("age", "bili", "albumin")]), gtol = 1e-10); put("pbc.crr", pf$coef, sqrt(diag(pf$var)), pf$loglik.null, pf$loglik)

## Reclassification and calibration ----------------------------------------------------------------------------------
k <- read("risks"); ip <- improveProb(k$old, k$new, k$outcome); put("risks.binary", ip$nri, ip$nri.ev, ip$nri.ne, ip$idi)
# With censoring: inverse probability of censoring weights, from survfit with the roles reversed.
horizon <- 5; g <- survfit(Surv(time, 1 - event) ~ 1, k); G <- function(t) summary(g, times = t, extend = TRUE)$surv
before <- sapply(k$time, function(t) { i <- findInterval(t, g$time, left.open = TRUE); if (i == 0) 1 else g$surv[i] })
we <- ifelse(k$time <= horizon & k$event == 1, 1 / before, 0); ws <- ifelse(k$time > horizon, 1 / G(horizon), 0)
m <- function(v, w) sum(v * w) / sum(w); d <- sign(k$new - k$old); cat3 <- function(v) findInterval(v, c(0.2, 0.4)); dc <- sign(cat3(k$new) - cat3(k$old))
put("risks.censored", m(d, we) - m(d, ws), m(d, we), -m(d, ws), m(dc, we) - m(dc, ws), m(dc, we), -m(dc, ws), m(k$new - k$old, we) - m(k$new - k$old, ws))
grp <- cut(rank(k$old, ties.method = "first"), 5, labels = FALSE); grp <- ceiling(rank(k$old, ties.method = "first") / (nrow(k) / 5)); cal <- sapply(1:5, function(i) { f <- survfit(Surv(time, event) ~ 1, k[grp == i, ]); s <- summary(f, times = horizon, extend = TRUE); c(mean(k$old[grp == i]), 1 - s$surv, s$std.err) })
put("risks.calibration", cal, sum(((cal[2, ] - cal[1, ]) / cal[3, ])^2))

cat(jsonlite::toJSON(out, digits = NA, na = "null", pretty = TRUE), "\n")
