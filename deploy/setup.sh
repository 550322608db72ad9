#!/usr/bin/env bash
# Installs what Freshet needs on Debian 12, and says what it installs; does nothing, quickly, when
# nothing is missing.
#
#   deploy/setup.sh build          compiler and libraries
#   deploy/setup.sh test           the above, and what `make test` and `make bench` need: Java and maven
#                                  for the real Kafka, Python's clients in build/venv, clang 14, tools
#   deploy/setup.sh check build    installs nothing: names what is missing and fails if anything is
#
# Packages come from whatever sources apt, pip and maven are set up with.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/build/venv
requirements=$root/deploy/requirements.txt
log=$root/build/setup.log

build_packages=(
    gcc libc6-dev make cmake ninja-build pkgconf git
    librdkafka-dev libavro-dev libjansson-dev librocksdb-dev libopenblas-serial-dev
    libmicrohttpd-dev libcurl4-openssl-dev libyaml-dev libxxhash-dev libicu-dev libcsv-dev libjemalloc-dev
    zlib1g-dev ca-certificates
)
test_packages=(
    libcmocka-dev clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev
    openjdk-17-jre-headless maven curl
    python3 python3-venv kcat wrk procps
)

say() { printf 'setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

missing_packages() { # names: prints those that are not installed
    comm -23 <(printf '%s\n' "$@" | sort -u) \
        <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
            sed -n 's/^installed //p' | sort -u)
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "needs root for '$*': run as root or install sudo"
    fi
}

apt_get() { # apt's own words go to the log, and to the screen only if it fails
    mkdir -p "$(dirname "$log")"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@" >>"$log" 2>&1
}

install_packages() { # names
    local missing
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        die "this is not Debian; install the counterparts of these packages: ${missing[*]}"
    say "installing ${#missing[@]} Debian packages: ${missing[*]}"
    local install=(install -y --no-install-recommends "${missing[@]}")
    # Package lists that are absent or old make a try fail: then, and only then, they are renewed.
    if apt-cache show "${missing[@]}" >/dev/null 2>&1 && apt_get "${install[@]}"; then
        return 0
    fi
    say "apt's package lists are absent or old: updating them"
    apt_get update && apt_get "${install[@]}" && return 0
    tail -n 20 "$log" >&2
    die "apt-get could not install these packages; its last words are above, all of them in $log"
}

install_venv() {
    local want
    want=$(sha256sum "$requirements" | cut -d' ' -f1)
    [ "$(cat "$venv/requirements.sha256" 2>/dev/null)" = "$want" ] && [ -x "$venv/bin/python" ] && return
    say "installing Python packages into ${venv#"$root"/}: $(grep -v '^#' "$requirements" | tr '\n' ' ')"
    python3 -m venv --clear "$venv"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check -r "$requirements" >&2 ||
        die "pip could not install $requirements"
    echo "$want" >"$venv/requirements.sha256"
}

check() { # names
    local missing
    command -v dpkg-query >/dev/null || return 0 # not Debian: cmake will say what it does not find
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    say "missing Debian packages: ${missing[*]}"
    die "install them with: deploy/setup.sh build"
}

case "$*" in
build) install_packages "${build_packages[@]}" ;;
test)
    install_packages "${build_packages[@]}" "${test_packages[@]}"
    install_venv
    "$root/deploy/kafka/kafka.sh" fetch
    ;;
"check build") check "${build_packages[@]}" ;;
*)
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
