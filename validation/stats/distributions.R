# Reference tail probabilities and quantiles: Rscript distributions.R > reference/distributions.json
cases <- list()
add <- function(what, value, x, df1 = NULL, df2 = NULL)
  cases[[length(cases) + 1]] <<- list(what = what, x = x, df1 = df1, df2 = df2, value = value)
for (x in c(-30, -8, -3, -0.5, 0.3, 1.96, 6)) add("pnorm", pnorm(x), x)
for (p in c(1e-300, 1e-20, 1e-5, 0.025, 0.3, 0.6, 0.975, 0.999999)) add("qnorm", qnorm(p), p)
for (df in c(1, 2.5, 10, 394, 15000, 1e6)) {
  for (t in c(0.1, 1.5, 12)) add("pt_upper", pt(t, df, lower.tail = FALSE), t, df)
  for (p in c(0.6, 0.975, 0.9995)) add("qt", qt(p, df), p, df)
}
for (d in list(c(1, 1), c(3, 17.3), c(395, 396), c(395, 395), c(1e5, 1e5), c(6, 15000))) {
  for (f in c(0.7, 1.02, 7.66)) {
    upper <- pf(f, d[1], d[2], lower.tail = FALSE)
    if (upper > 1e-300) add("pf_upper", upper, f, d[1], d[2])
  }
  for (p in c(0.025, 0.5, 0.975)) add("qf", qf(p, d[1], d[2]), p, d[1], d[2])
}
for (df in c(1, 2, 6, 40, 1000)) for (x in c(0.01, 1, 20, 300)) {
  upper <- pchisq(x, df, lower.tail = FALSE)
  if (upper > 1e-300) add("pchisq_upper", upper, x, df)
}
cat(jsonlite::toJSON(cases, auto_unbox = TRUE, digits = NA, null = "null", pretty = TRUE), "\n")
