#!/bin/sh
# Cox and Kaplan-Meier at the size of national cohorts: opencac, lifelines and R, one after the other on the same tables.
#   timing.sh PYTHON    (a Python with lifelines and pandas; Rscript with the survival package on the PATH)
# Only the fit is timed, in memory, best of several runs.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo build --release --quiet --manifest-path "$here/../../Cargo.toml" -p opencac-stats --example time_survival
program=${CARGO_TARGET_DIR:-$here/../../target}/release/examples/time_survival
"$1" "$here/timing.py" make "$work"
for table in cox_15000_6 cox_100000_10; do
  "$program" "$work/$table.csv" cox
  "$1" "$here/timing.py" cox "$work/$table.csv"
  Rscript "$here/timing.R" cox "$work/$table.csv"
done
"$program" "$work/km_1000000.csv" km
"$1" "$here/timing.py" km "$work/km_1000000.csv"
Rscript "$here/timing.R" km "$work/km_1000000.csv"
