#!/usr/bin/env bash
# Every comparison with PyTorch that the documents quote, in one sitting: what either side measured, and the ratios.
#   benches/beside_pytorch.sh PYTHON >lines.jsonl
# PYTHON has torch 2.15. GANY_ISA=avx2 holds both sides to that instruction set.
set -euo pipefail
gany=${GANY:-target/release/gany}
while read -r system sizes; do
    # shellcheck disable=SC2086 # words are arguments
    "$gany" bench step "$system" $sizes --peer "$1" --json
    # shellcheck disable=SC2086
    "$gany" bench sample "$system" $sizes --peer "$1" --json
done <<'SETTINGS'
dcgan --size 32 --width 32 --channels 1
gan --size 28 --width 512 --channels 1
wgan_gp --size 32 --width 32 --channels 1
dcgan --size 64 --width 64 --channels 3
wgan_gp --size 64 --width 64 --channels 3
SETTINGS
"$gany" bench ops --peer "$1" --json
"$gany" bench odd --peer "$1" --json
