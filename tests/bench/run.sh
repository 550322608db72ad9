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

# The programs that want a real Kafka share one; it ends with this script.
kafka_up() {
    [ -n "${BOOTSTRAP_SERVERS:-}" ] && return
    kafka=$(mktemp -d /tmp/freshet-bench-kafka-XXXXXX)
    trap 'deploy/kafka/kafka.sh down "$kafka/k" >&2; rm -rf "$kafka"' EXIT
    deploy/kafka/kafka.sh up "$kafka/k" 0 0
    # shellcheck disable=SC1091
    . "$kafka/k.env"
    export BOOTSTRAP_SERVERS REGISTRY_URL
}

names=("$@")
freshet=build/release/freshet
for program in build/release/tests/bench/bench_*; do
    [ -f "$program" ] && [ -x "$program" ] || continue
    name=$(basename "$program")
    wanted "$name" || continue
    case $name in
    bench_whole_path)
        kafka_up
        for every in 1 10; do
            run "$name" "$program" "$freshet" "${EVENTS:-2000000}" "$every" ${SESSIONS:+"$SESSIONS"}
            mv "$out/$name.txt" "$out/${name}_every_$every.txt"
        done
        ;;
    bench_latency)
        kafka_up
        run "$name" "$program" "$freshet" 1000 10 3
        ;;
    *) run "$name" "$program" ;;
    esac
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
