#!/usr/bin/env bash
# Runs every benchmark of the release build, one after the other, and shows all tables together at
# the end; each is also kept under build/bench/. usage: run.sh [NAME…], e.g. run.sh bench_avro
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=build/bench
mkdir -p "$out"
rm -f "$out"/*.txt

wanted() { # name
    [ ${#names[@]} -eq 0 ] && return
    printf '%s\n' "${names[@]}" | grep -qx "$1"
}

run() { # name command…
    wanted "$1" || return 0
    echo "== $1" >&2
    "${@:2}" | tee "$out/$1.txt"
}

names=("$@")
for program in build/release/tests/bench/bench_*; do
    if [ -f "$program" ] && [ -x "$program" ]; then run "$(basename "$program")" "$program"; fi
done
for script in tests/bench/bench_*.py; do
    [ -e "$script" ] || continue
    run "$(basename "$script" .py)" \
        env PYTHONPATH=tests/support FRESHET_BIN=build/release/freshet build/venv/bin/python "$script"
done

compgen -G "$out/*.txt" >/dev/null || { echo "no benchmark was run" >&2; exit 1; }
printf '\n%s\n' "machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1), $(nproc) cores, $(uname -sr)"
for table in "$out"/*.txt; do
    printf '\n== %s\n' "$(basename "$table" .txt)"
    cat "$table"
done
