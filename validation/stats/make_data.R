# Writes data/*.csv. The classic studies come with R's survival package (T. Therneau, LGPL >= 2); what is written here
# are the published measurements alone, see data/README.md for where each was published. The rest is simulated.
# Rscript make_data.R
library(survival)
write <- function(frame, name) write.csv(frame, file.path("data", paste0(name, ".csv")), row.names = FALSE, quote = FALSE, na = "")

write(lung[, c("inst", "time", "status", "age", "sex", "ph.ecog", "ph.karno", "wt.loss")], "lung")
write(veteran, "veteran")
write(ovarian, "ovarian")
trial <- pbc[1:312, ]
write(with(trial, data.frame(id, time, status, trt, age, sex, edema, bili, albumin, protime, stage)), "pbc")

set.seed(20210129)
n <- 400
x1 <- rnorm(n); x2 <- round(runif(n, 0, 3), 1); arm <- sample(c("A", "B", "C"), n, TRUE)
site <- sample(1:3, n, TRUE); family <- sample(1:120, n, TRUE)
hazard <- 0.08 * exp(0.5 * x1 - 0.3 * x2 + 0.6 * (arm == "B")) * c(1, 2, 0.5)[site]
t <- ceiling(rexp(n, hazard)); c <- ceiling(runif(n, 2, 14))
write(data.frame(time = pmin(t, c), event = as.integer(t <= c), x1, x2, arm, site, family, off = 0.2 * x1), "ties")

n <- 60
x <- rnorm(n); time <- rexp(n); event <- integer(n); event[which(rank(time) == 20)] <- 1L
write(data.frame(time, event, x, z = rbinom(n, 1, 0.5)), "one_event")

n <- 80
exposed <- rep(0:1, n / 2); age <- rnorm(n, 60, 8); t <- rexp(n, 0.2); c <- runif(n, 1, 8)
write(data.frame(time = pmin(t, c), event = as.integer(t <= c & exposed == 1), exposed, age), "separated")

n <- 150
stratum <- rep(c("a", "b", "empty"), length.out = n); x <- rnorm(n); t <- rexp(n, exp(0.7 * x)); c <- runif(n, 0.2, 3)
write(data.frame(time = pmin(t, c), event = as.integer(t <= c & stratum != "empty"), x, stratum), "empty_stratum")

n <- 500
x <- rnorm(n); z <- rbinom(n, 1, 0.4)
t1 <- rexp(n, 0.10 * exp(0.6 * x)); t2 <- rexp(n, 0.08 * exp(-0.4 * x + 0.5 * z)); c <- runif(n, 1, 12)
time <- pmin(t1, t2, c); cause <- ifelse(time == c, 0, ifelse(time == t1, 1, 2))
write(data.frame(time, tied = ceiling(2 * time) / 2, cause, x, z), "competing")

n <- 240
truth <- pmax(0, round(exp(rnorm(n, 3.5, 2.2)) - 6, 1))
reader <- function(noise, miss) pmax(0, round(truth * exp(rnorm(n, 0, noise)) * rbinom(n, 1, 1 - miss) + rexp(n, 0.5) * rbinom(n, 1, 0.1), 1))
write(data.frame(id = 1:n, a = reader(0.35, 0.05), b = reader(0.1, 0.02), c = reader(0.7, 0.1)), "raters")

n <- 300
x <- rnorm(n); z <- rnorm(n); t <- rexp(n, 0.1 * exp(0.8 * x + 0.5 * z)); c <- runif(n, 1, 15)
old <- plogis(-0.6 + 0.9 * x); new <- plogis(-0.6 + 0.9 * x + 0.6 * z)
write(data.frame(time = pmin(t, c), event = as.integer(t <= c), outcome = as.integer(t <= 5), old, new), "risks")
