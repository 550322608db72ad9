#!/usr/bin/env bash
# Every folder of the project has a README.md of one page: what it does, its terms and limits, how to
# add one more. Folders of data and of generated or hidden files (a dot in front) need none.
# usage: check_readmes.sh [TREE]
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"
max_lines=120

files() { # what git knows or would add; without git, all but build/
    git ls-files -co --exclude-standard 2>/dev/null || find . -type f -not -path './build/*' -printf '%P\n'
}

bad=0
n=0
while read -r folder; do
    case $folder in
    .?* | core/main | deploy/templates/* | tests/unit/* | tests/golden/* | tests/support/*) continue ;; # see one above
    esac
    n=$((n + 1))
    if [ ! -s "$folder/README.md" ]; then
        echo "$folder/: README.md is missing"
        bad=$((bad + 1))
    elif [ "$folder" != . ] && [ "$(wc -l <"$folder/README.md")" -gt $max_lines ]; then
        echo "$folder/README.md is longer than a page ($max_lines lines)"
        bad=$((bad + 1))
    fi
done < <(files | xargs -d '\n' -r dirname | sort -u)

[ "$n" -gt 0 ] || { echo "no folder was found below $PWD"; exit 1; }
[ "$bad" -eq 0 ] || exit 1
echo "$n folders have their page"
