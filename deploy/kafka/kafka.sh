#!/usr/bin/env bash
# A real single-node Kafka and a Confluent-compatible registry on loopback, for tests and
# development. See README.md beside this file; `kafka.sh help` lists the commands.
#
# Every server has a folder DIR that holds all it writes: DIR/<server>/{pid,port,log,…}. A server
# is known by its process id together with its command line, which carries DIR: neither an old
# server on the same port nor a reused process id is taken for ours.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=$(realpath -m "${FRESHET_KAFKA_CACHE:-$here/../../build/kafka}")
registry_path=/apis/ccompat/v7
start_limit_s=60
stop_limit_s=15

say() { printf 'kafka.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

usage() {
    cat <<'TEXT'
usage: kafka.sh fetch                            jars into the cache (build/kafka); nothing to do: no network
       kafka.sh up DIR [KAFKA_PORT [REGISTRY_PORT]] [--with-parent]
                                                 both servers in the background, waits until they answer,
                                                 writes DIR.env; port 0: a free one; --with-parent: they
                                                 end when the calling process ends
       kafka.sh down DIR                         stops them and removes DIR and DIR.env
       kafka.sh status DIR                       0 and a line each if both run
       kafka.sh run broker|registry DIR PORT     one server in the foreground (becomes the Java process);
                                                 the same DIR again: the same data
       kafka.sh free-port                        a port that nobody listens on

example: deploy/kafka/kafka.sh up /tmp/k 9092 8081 && . /tmp/k.env && kcat -b $BOOTSTRAP_SERVERS -L
TEXT
}

# --- the cache ----------------------------------------------------------------------------

fetch() {
    local want new
    want=$(sha256sum "$here/pom.xml" | cut -d' ' -f1)
    [ "$(cat "$cache/jars/pom.sha256" 2>/dev/null)" = "$want" ] && return
    command -v mvn >/dev/null || die "maven is missing: run deploy/setup.sh test"
    mkdir -p "$cache"
    exec {lock}>"$cache/lock" # two at once: the second waits and then finds the work done
    flock "$lock"
    if [ "$(cat "$cache/jars/pom.sha256" 2>/dev/null)" != "$want" ]; then
        say "fetching Apache Kafka and the Apicurio registry (160 MB) into $cache"
        new=$cache/jars.new
        rm -rf "$new"
        mvn -B -ntp -q -Dstyle.color=never -f "$here/pom.xml" -Dcache="$new" \
            process-resources >&2 || die "maven could not fetch the jars; its words are above"
        printf '%s\n' "$want" >"$new/pom.sha256"
        rm -rf "$cache/jars"
        mv "$new" "$cache/jars"
    fi
    exec {lock}>&-
}

# --- ports --------------------------------------------------------------------------------

listening() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Below the range of outgoing connections (32768 and up): while a broker is stopped, a client that
# keeps connecting to its port could be given that very port as its own and keep it busy.
free_port() {
    local port
    for _ in $(seq 100); do
        port=$((10000 + (RANDOM * 32768 + RANDOM) % 20000))
        listening "$port" || { echo "$port"; return; }
    done
    die "no free port between 10000 and 30000"
}

check_free() { # server port
    ! listening "$2" || die "port $2 is busy, so the $1 cannot start there: choose another one (0: any free one)"
}

# --- one server ---------------------------------------------------------------------------

running() { # server-folder: is the pid in it alive, and is it this server's?
    local pid
    pid=$(cat "$1/pid" 2>/dev/null) || return 1
    [ -n "$pid" ] && { tr '\0' '\n' <"/proc/$pid/cmdline" | grep -qxF -- "-Dfreshet.server=$1"; } 2>/dev/null
}

java_options() { # server-folder heap
    printf '%s\n' "-Xmx$2" -Dfreshet.server="$1" -Djava.io.tmpdir="$1/tmp" \
        -Djava.net.preferIPv4Stack=true -XX:+ExitOnOutOfMemoryError
}

run_broker() { # folder port
    local dir=$1 port=$2 config=$1/server.properties id
    local java=(java -cp "$cache/jars/libs/*" "-Dlog4j2.configurationFile=$here/log4j2.xml")
    if [ ! -e "$dir/data/meta.properties" ]; then
        sed -e "s|@PORT@|$port|g" -e "s|@CONTROLLER_PORT@|$(free_port)|g" -e "s|@DIR@|$dir|g" \
            "$here/server.properties.in" >"$config"
        id=$("${java[@]}" kafka.tools.StorageTool random-uuid)
        "${java[@]}" kafka.tools.StorageTool format -t "$id" -c "$config" >&2
    fi
    mapfile -t options < <(java_options "$dir" "${FRESHET_KAFKA_HEAP:-1g}")
    exec "${java[@]}" "${options[@]}" kafka.Kafka "$config"
}

run_registry() { # folder port
    mapfile -t options < <(java_options "$1" 512m)
    cd "$1"
    exec java "${options[@]}" -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$2" \
        -Dapicurio.ccompat.use-canonical-hash=true \
        -jar "$(echo "$cache"/jars/registry/apicurio-registry-app-*-runner.jar)"
}

run() { # broker|registry DIR PORT
    local server=$1 dir port=$3
    [[ $server = broker || $server = registry ]] || { usage >&2; exit 2; }
    dir=$(realpath -m "$2")/$server
    fetch
    ! running "$dir" || die "the $server of $2 runs already (process $(cat "$dir/pid"))"
    check_free "$server" "$port"
    mkdir -p "$dir/tmp"
    echo "$port" >"$dir/port"
    echo $$ >"$dir/pid" # exec keeps it
    "run_$server" "$dir" "$port"
}

# --- both, in the background --------------------------------------------------------------

answers() { # server folder
    local port
    port=$(cat "$2/port" 2>/dev/null) || return 1
    if [ "$1" = broker ]; then
        grep -q 'Kafka Server started' "$2/log" && listening "$port"
    else # Apicurio's own default level is NONE
        curl -fsS -m 5 -o "$2/tmp/answer" -X PUT -H 'Content-Type: application/json' \
            -d '{"compatibility":"BACKWARD"}' "http://127.0.0.1:$port$registry_path/config" 2>/dev/null
    fi
}

wait_for() { # server folder pid
    local deadline=$((SECONDS + start_limit_s))
    until answers "$1" "$2"; do
        kill -0 "$3" 2>/dev/null || fail_with_log "the $1 ended while starting" "$2/log"
        [ $SECONDS -lt $deadline ] || fail_with_log "the $1 does not answer after $start_limit_s s" "$2/log"
        sleep 0.1
    done
    running "$2" || fail_with_log "the $1 ended while starting" "$2/log"
}

abandon() { # what `up` has started so far: each is the leader of a process group
    local pid
    for pid in "${launched[@]}"; do
        kill -9 -- "-$pid" 2>/dev/null || true
    done
    rm -rf "$dir"
}

fail_with_log() { # sentence log: the folder goes, so the log is kept beside it
    local kept=$dir.failed.log
    tail -n 20 "$2" >&2 || true
    cp "$2" "$kept" 2>/dev/null || true
    abandon
    die "$1; its last words are above, all of them in $kept"
}

up() { # DIR [KAFKA_PORT [REGISTRY_PORT]] [--with-parent]
    local dir parent='' args=() launched=() server ports
    for arg; do
        if [ "$arg" = --with-parent ]; then parent=$PPID; else args+=("$arg"); fi
    done
    [ ${#args[@]} -ge 1 ] && [ ${#args[@]} -le 3 ] || { usage >&2; exit 2; }
    dir=$(realpath -m "${args[0]}")
    if running "$dir/broker" || running "$dir/registry"; then
        die "servers of $dir run already: \`kafka.sh down $dir\` stops them"
    fi
    rm -rf "$dir" "$dir.env" "$dir.failed.log"
    fetch
    ports=("${args[1]:-0}" "${args[2]:-0}")
    for i in 0 1; do
        [[ ${ports[i]} =~ ^[0-9]{1,5}$ ]] || die "'${ports[i]}' is not a port"
        [ "${ports[i]}" -ne 0 ] || ports[i]=$(free_port)
    done
    check_free broker "${ports[0]}"
    check_free registry "${ports[1]}"
    trap 'abandon; exit 130' INT TERM
    for i in 0 1; do
        server=$([ $i = 0 ] && echo broker || echo registry)
        mkdir -p "$dir/$server"
        setsid "${BASH_SOURCE[0]}" run "$server" "$dir" "${ports[i]}" \
            </dev/null >"$dir/$server/log" 2>&1 &
        launched+=($!)
        disown # the shell need not tell when it is killed
    done
    wait_for broker "$dir/broker" "${launched[0]}"
    wait_for registry "$dir/registry" "${launched[1]}"
    trap - INT TERM
    printf '%s\n' "KAFKA_PORT=${ports[0]}" "REGISTRY_PORT=${ports[1]}" \
        "BOOTSTRAP_SERVERS=127.0.0.1:${ports[0]}" \
        "REGISTRY_URL=http://127.0.0.1:${ports[1]}$registry_path" >"$dir.env"
    if [ -n "$parent" ]; then
        setsid "${BASH_SOURCE[0]}" keep "$dir" "$parent" </dev/null >/dev/null 2>&1 &
    fi
    say "Kafka on 127.0.0.1:${ports[0]}, registry on http://127.0.0.1:${ports[1]}$registry_path; settings in $dir.env"
}

keep() { # DIR PID: until the servers are stopped by somebody, or PID is no more
    while [ -e "$1.env" ] && kill -0 "$2" 2>/dev/null; do
        sleep 1
    done
    [ ! -e "$1.env" ] || down "$1"
}

stop_all() { # DIR
    local server pid deadline=$((SECONDS + stop_limit_s)) pids=()
    for server in broker registry; do
        running "$1/$server" && pids+=("$(cat "$1/$server/pid")")
    done
    [ ${#pids[@]} -gt 0 ] || return 0
    kill "${pids[@]}" 2>/dev/null || true
    for pid in "${pids[@]}"; do
        while kill -0 "$pid" 2>/dev/null && [ $SECONDS -lt $deadline ]; do sleep 0.05; done
        kill -9 "$pid" 2>/dev/null || true
    done
}

down() { # DIR
    local dir
    dir=$(realpath -m "$1")
    stop_all "$dir"
    rm -rf "$dir" "$dir.env"
}

status() { # DIR
    local dir server code=0
    dir=$(realpath -m "$1")
    for server in broker registry; do
        if running "$dir/$server"; then
            echo "$server: process $(cat "$dir/$server/pid"), port $(cat "$dir/$server/port"), log $dir/$server/log"
        else
            echo "$server: not running"
            code=1
        fi
    done
    return $code
}

command=${1:-help}
[ $# -eq 0 ] || shift
case $command:$# in
fetch:0) fetch ;;
up:*) up "$@" ;;
down:1) down "$1" ;;
status:1) status "$1" ;;
run:3) run "$@" ;;
keep:2) keep "$@" ;;
free-port:0) free_port ;;
help:* | --help:* | -h:*) usage ;;
*) usage >&2; exit 2 ;;
esac
