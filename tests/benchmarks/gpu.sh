#!/bin/sh
# Speed, memory and agreement on a GPU, some five minutes. Usage: sh tests/benchmarks/gpu.sh FOLDER
# Needs JAX for the GPU (docs/howto/gpu.md).
set -eu
out=${1:?give a folder for the results}
mkdir -p "$out"
measure() {
    name=$1; shift
    temjax benchmark --device gpu --repeats 3 --json "$@" > "$out/$name.json"
}
python3 -m tests.benchmarks.heat_kernel_agreement > "$out/kernel.txt"
measure forward-float32 --case forward,forward-no-heat --dtype float32 --years 2 --cells 1000,10000,100000
measure forward-float64 --case forward --dtype float64 --years 2 --cells 10000,100000
# one regional member on the GPU and on the CPU: what differs is rounding
experiment=$(python3 -c "from temjax import regional; print(regional.__path__[0] + '/experiments/qtp-synthetic-demo.toml')")
temjax project "$experiment" --out "$out/gpu" > "$out/gpu.txt" 2> "$out/gpu.err"
measure equilibrium --case equilibrium --dtype float64 --years 10 --cells 10000 --repeats 1
measure gradient --case gradient --dtype float32 --years 2 --cells 10000
JAX_PLATFORMS=cpu temjax project "$experiment" --out "$out/cpu" > "$out/cpu.txt" 2> "$out/cpu.err"
python3 - "$out" <<'PYTHON'
import json, sys
from pathlib import Path

gpu, cpu = (next((Path(sys.argv[1]) / kind).glob("summary*.json")) for kind in ("gpu", "cpu"))
pairs = zip(*(json.loads(path.read_text())["numbers"] for path in (gpu, cpu)), strict=True)
for ours, theirs in pairs:
    print(f"{ours['name']}: {ours['value']:.6g} on the GPU, {theirs['value']:.6g} on the CPU")
PYTHON
