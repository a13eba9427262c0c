"""Reference numbers from Python packages: python reference.py > reference/python.json

lifelines, statsmodels, scikit-learn, pingouin and SciPy on the tables under data/. One entry a statistic, as in
reference.R. Versions are written into the result.
"""
import importlib.metadata
import json
import pathlib
import warnings

import numpy as np
import pandas as pd
import pingouin
import scipy.stats
from lifelines import AalenJohansenFitter, CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from sklearn.metrics import cohen_kappa_score, roc_auc_score
from statsmodels.duration.hazard_regression import PHReg
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import proportion_confint

warnings.filterwarnings("ignore")
here = pathlib.Path(__file__).parent
out = {}


def put(name, *numbers):
    flat = [float(x) for part in numbers for x in np.ravel(part)]
    out[name] = [x if np.isfinite(x) else None for x in flat]


def read(name):
    return pd.read_csv(here / "data" / f"{name}.csv")


# Agreement
r = read("raters")
category = lambda v: np.searchsorted([0, 100, 300], v, side="left")
ca, cb = category(r.a), category(r.b)
matrix = pd.crosstab(cb, ca).reindex(index=range(4), columns=range(4), fill_value=0)
for key, weights, sk in (
    ("raters.kappa", None, None),
    ("raters.kappa_linear", "linear", "linear"),
    ("raters.kappa_quadratic", "quadratic", "quadratic"),
):
    k = cohens_kappa(matrix.to_numpy(), weights=np.arange(4) if weights else None, wt=weights)
    put(key, k.kappa, k.std_kappa)
    assert abs(k.kappa - cohen_kappa_score(ca, cb, weights=sk)) < 1e-12, key
put("raters.pearson", (p := scipy.stats.pearsonr(r.a, r.b)).statistic, p.confidence_interval().low, p.confidence_interval().high)
put("raters.spearman_value", scipy.stats.spearmanr(r.a, r.b).statistic)
put("raters.rate", (ca == cb).mean(), *proportion_confint((ca == cb).sum(), len(r), method="wilson"))
put("raters.auc", *(roc_auc_score(r.b > cut, r.a) for cut in (0, 100, 300)))
long = r.melt("id", ["a", "b"], "rater", "score")
icc = pingouin.intraclass_corr(long, "id", "rater", "score")
for i in range(3):
    row = icc.iloc[i]
    put(f"raters.icc{i + 1}", row["ICC"], row["F"], row["df1"], row["df2"])

# Bootstrap: the sample of the unit test in numeric/bootstrap.rs
sample = -np.log(1 - (np.arange(200) + 0.5) / 200)
rng = np.random.default_rng(1)
bca = lambda data, f, count: scipy.stats.bootstrap((data,), f, n_resamples=count, method="BCa", rng=rng, batch=2000)
interval = bca(sample, np.mean, 400_000).confidence_interval
put("bootstrap.exponential_mean", *interval)

# Survival
def km(name, frame, time, event):
    f = KaplanMeierFitter().fit(frame[time], event)
    at = sorted(frame[time][event == 1].unique())
    ci = f.confidence_interval_survival_function_.loc[at]
    put(f"{name}.km", f.survival_function_.loc[at], ci.iloc[:, 0], ci.iloc[:, 1])


lung, veteran, ties = read("lung"), read("veteran"), read("ties")
km("lung", lung, "time", (lung.status == 2).astype(int))
km("ties", ties, "time", ties.event)
put("veteran.logrank", multivariate_logrank_test(veteran.time, veteran.celltype, veteran.status).test_statistic)

frame = lung.assign(event=(lung.status == 2).astype(int), sex=lung.sex - 1)[["time", "event", "age", "sex", "wt.loss"]].dropna()
fit = CoxPHFitter().fit(frame, "time", "event", fit_options={"precision": 1e-10})
put("lung.cox_efron", fit.params_, fit.standard_errors_, fit.log_likelihood_, fit.concordance_index_)
coded = pd.get_dummies(ties, columns=["arm"], drop_first=True, dtype=float)
columns = ["x1", "x2", "arm_B", "arm_C"]
fit = CoxPHFitter().fit(coded[["time", "event", "site", *columns]], "time", "event", strata=["site"], fit_options={"precision": 1e-10})
put("ties.strata_efron", fit.params_, fit.standard_errors_, fit.log_likelihood_)
for method in ("efron", "breslow"):
    fit = PHReg(coded.time, coded[columns], coded.event, ties=method).fit()
    put(f"ties.cox_{method}", fit.params, fit.bse, fit.llf)

competing = read("competing")
for cause in (1, 2):
    f = AalenJohansenFitter(calculate_variance=True).fit(competing.time, competing.cause, event_of_interest=cause)
    at = [f.cumulative_density_.index[f.cumulative_density_.index <= t][-1] for t in (1, 3, 6)]
    put(f"competing.aj{cause}", f.cumulative_density_.loc[at], np.sqrt(f.variance_.loc[at]))

out["versions"] = {p: importlib.metadata.version(p) for p in ("lifelines", "pingouin", "statsmodels", "scikit-learn", "scipy", "numpy", "pandas")}
print(json.dumps(out, indent=1))
