#!/usr/bin/env bash
# A training step here beside the same step in PyTorch, in one run, in turn: the fastest of PyTorch's modes counts.
#   benches/beside_pytorch.sh PYTHON >lines.jsonl
# PYTHON has torch 2.15; pytorch_step.py beside this file has the networks and the update that `gany bench step` repeats.
set -euo pipefail
python=$1 script=$(dirname "$0")/pytorch_step.py
gany=${GANY:-target/release/gany}
while read -r arguments; do
    # shellcheck disable=SC2086 # words are arguments
    for _ in 1 2; do
        "$gany" bench step $arguments --batch 64 --threads 2 --steps 12 --json
        for mode in "" "--channels-last" "--compile"; do
            # torch.compile does not differentiate twice.
            [[ $mode == --compile && $arguments == wgan_gp* ]] && continue
            "$python" "$script" --model $arguments --batch 64 --threads 2 --steps 12 $mode 2>/dev/null
        done
    done
done <<'SETTINGS'
dcgan --size 32 --width 32 --channels 1
gan --size 28 --width 512 --channels 1
wgan_gp --size 32 --width 32 --channels 1
dcgan --size 64 --width 64 --channels 3
wgan_gp --size 64 --width 64 --channels 3
SETTINGS
