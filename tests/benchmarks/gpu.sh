#!/bin/sh
# Speed, memory and agreement on a GPU. Usage: sh tests/benchmarks/gpu.sh FOLDER
# Not run by the authors so far: no GPU was at hand. Needs JAX for the GPU (docs/howto/gpu.md).
set -eu
out=${1:?give a folder for the results}
mkdir -p "$out"
temjax doctor --json > "$out/doctor.json"
for dtype in float32 float64; do
    temjax benchmark --device gpu --dtype $dtype --cells 1000,10000,100000 --years 10 \
        --case forward,forward-no-heat,gradient --json > "$out/forward-$dtype.json"
done
temjax benchmark --device gpu --dtype float64 --cells 1,1000,10000 --years 10 \
    --case equilibrium --json > "$out/equilibrium.json"
temjax benchmark --device gpu --dtype float32 --cells 10000 --years 40 \
    --case regional-tile --json > "$out/tile.json"
# one regional member on the GPU and on the CPU; the numbers of both summaries are to be compared
experiment=$(python -c "import regional, pathlib; print(pathlib.Path(regional.__file__).parent / 'experiments/qtp-synthetic-demo.toml')")
temjax project "$experiment" --out "$out/gpu" > "$out/gpu.txt"
JAX_PLATFORMS=cpu temjax project "$experiment" --out "$out/cpu" > "$out/cpu.txt"
