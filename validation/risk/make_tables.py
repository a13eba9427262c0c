"""Writes crates/opencac-core/src/risk/tables.rs from the CSV files of a folder.

Run: python3 make_tables.py FOLDER > ../../crates/opencac-core/src/risk/tables.rs

prob_nonzero.csv (sex, group, age, percent_nonzero): the share of people with any calcium, as the reference tool
of the MESA study prints it (https://www.mesa-nhlbi.org/calcium/input.aspx; McClelland 2006, Circulation 113:30).
lognormal.csv (sex, group, b0, b1, sigma): ln(score), given calcium, is Normal(b0 + b1 age, sigma); fitted to
the outputs of the same tool. Figures of measured facts, of which no one holds a copyright.
"""

import csv
import sys

FOLDER = sys.argv[1]
SEXES, GROUPS, AGES = ["female", "male"], ["white", "black", "hispanic", "chinese"], range(45, 85)


def rows(name):
    with open(f"{FOLDER}/{name}") as file:
        return list(csv.DictReader(file))


percent = {(r["sex"], r["group"], int(r["age"])): int(r["percent_nonzero"]) for r in rows("prob_nonzero.csv")}
lognormal = {(r["sex"], r["group"]): (r["b0"], r["b1"], r["sigma"]) for r in rows("lognormal.csv")}
assert len(percent) == len(SEXES) * len(GROUPS) * len(AGES) and len(lognormal) == len(SEXES) * len(GROUPS)

print("//! Calcium in the MESA population. Written by `validation/risk/make_tables.py`, which names the sources.\n")
print("use super::percentile::LogNormal;\n")
print("/// Percentage of people with any calcium, by sex (female, male), group (white, black, hispanic, chinese) and")
print("/// age (45 to 84 years).")
print("#[rustfmt::skip]")
print(f"pub(super) const ANY_CALCIUM_PERCENT: [[[u8; {len(AGES)}]; 4]; 2] = [")
for sex in SEXES:
    print("    [")
    for group in GROUPS:
        values = [str(percent[sex, group, age]) for age in AGES]
        print(f"        // {sex}, {group}")
        print("        [" + ", ".join(values[:20]) + ",\n         " + ", ".join(values[20:]) + "],")
    print("    ],")
print("];\n")
print("/// Distribution of ln(score) where there is calcium, in the same order.")
print("#[rustfmt::skip]")
print("pub(super) const LOG_NORMAL: [[LogNormal; 4]; 2] = [")
for sex in SEXES:
    print("    [")
    for group in GROUPS:
        b0, b1, sigma = lognormal[sex, group]
        print(f"        LogNormal {{ b0: {b0}, b1: {b1}, sigma: {sigma} }},")
    print("    ],")
print("];")
