#!/bin/sh
# Trains the networks of the program from scratch: train.sh DATA OUT [OPENCAC]. Run again after an interruption, it goes on.
# The card of the result says "networks of your own training"; that of the program is card.json beside this file.
set -eu
data=$1
out=$2
opencac=${3:-opencac}
here=$(dirname "$0")

# What one step frees the next one needs: the C library of Linux is to keep it, in large pages, or a step takes a fifth longer.
export MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456
export GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=8589934592

train() {
    stage=$1 folder=$2
    shift 2
    if [ -d "$folder" ]; then set -- "$@" --resume; fi
    "$opencac" train "$stage" --data "$data" --hearts "$here/hearts.csv" --calcium "$here/calcium.csv" \
        --synthetic "$out/synthetic" --out "$folder" "$@"
}

mkdir -p "$out"
train heart "$out/masks" --phantoms 60
# The masks of most scans are a network's, reviewed by eye; the last steps learn the experts' outlines.
train heart "$out/heart" --init "$out/masks/bundle" --phantoms 12 --expert-times 8 --steps 300 --rate 2e-3 --seed 41
# Calcium is learned from synthetic hearts alone: every patient is left out, and tests what was learned.
patients=$(sed -n 's/^[^#,]*,\([^,]*\),.*/\1/p' "$here/calcium.csv" | grep -vx patient | sort -u | paste -sd, -)
train calcium "$out/calcium" --leave-out "$patients" --find-hearts "$out/heart/bundle" --phantoms 256 --steps 10000 --seed 11
"$opencac" model join "$out/heart/bundle" "$out/calcium/bundle" --name opencac-base --out "$out" --overwrite
