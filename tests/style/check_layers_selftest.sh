#!/usr/bin/env bash
# Can check_layers.sh fail? One violation of each rule, planted in a small tree, must be found and
# named, and the tree without it must pass.
set -euo pipefail
check=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/check_layers.sh
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT

plant() { # file include…
    mkdir -p "$tree/$(dirname "$1")"
    printf '#include "%s"\n' "${@:2}" >"$tree/$1"
}

expect_refused() { # file include: passes before, is refused with it, named by line
    plant "$1" "$2"
    if said=$("$check" "$tree"); then
        echo "not found: $1 includes \"$2\""
        exit 1
    fi
    grep -qF "$1:1: \"$2\"" <<<"$said" || { echo "found, but not named: $1 includes \"$2\": $said"; exit 1; }
    rm "$tree/$1"
    "$check" "$tree" >/dev/null
}

mkdir -p "$tree"/{consumers,features,models,producers,schemas,core,tests}
plant core/base/log.c core/base/log.h core/base/log_private.h
plant schemas/user.c schemas/user.h core/base/log.h
plant models/model_a.c models/model.h schemas/user.h core/base/log.h
plant core/pipeline.c core/pipeline.h models/model.h consumers/source.h core/base/log.h
plant tests/unit/models/test_a.c models/model_private.h tests/support/test_support.h
"$check" "$tree" >/dev/null

expect_refused models/bad.c features/feature_store.h
expect_refused models/bad.c core/pipeline.h
expect_refused consumers/bad.h producers/channel.h
expect_refused features/bad.c models/model.h
expect_refused producers/deep/bad.c consumers/source.h
expect_refused schemas/bad.c models/model.h
expect_refused core/base/bad.c schemas/user.h
expect_refused core/base/bad.c core/pipeline.h
expect_refused core/bad.c models/model_private.h
expect_refused schemas/bad.c core/base/log_private.h
expect_refused models/bad.c model.h

rm -rf "$tree"/*
mkdir -p "$tree"/{consumers,features,models,producers,schemas,core,tests}
if "$check" "$tree" >/dev/null; then
    echo "an empty tree passes: a check that looks in the wrong place would pass too"
    exit 1
fi
echo "11 planted violations were found"
