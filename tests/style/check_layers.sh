#!/usr/bin/env bash
# The layers: which folder may include which headers.
#
#   core/base                                core/base
#   schemas                                  core/base schemas
#   consumers features models producers      core/base schemas and themselves
#   *_private.h                              only from its own folder
#
# core/ (the program) and tests/ may include every public header. usage: check_layers.sh [TREE]
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"

allowed() { # folder of the includer: the folders it may include from, in one line
    case $1 in
    core/base | core/base/*) echo core/base ;;
    schemas | schemas/*) echo core/base schemas ;;
    consumers | features | models | producers) echo core/base schemas "$1" ;;
    consumers/* | features/* | models/* | producers/*) echo core/base schemas "${1%%/*}" ;;
    core | core/*) echo core/base schemas consumers features models producers core ;;
    *) echo any ;;
    esac
}

# The folder a header belongs to, as the table above names it.
layer_of() {
    case $1 in
    core/base/*) echo core/base ;;
    */*) echo "${1%%/*}" ;;
    *) echo . ;;
    esac
}

bad=0
n=0
complain() { echo "$1"; bad=$((bad + 1)); }

while IFS=: read -r file line header; do
    n=$((n + 1))
    folder=$(dirname "$file")
    may=$(allowed "$folder")
    if [[ $header != */* ]]; then
        # Beside the file, or a library's header in quotes: both hide where it comes from.
        complain "$file:$line: \"$header\": write the path from the top of the project, or <> for a library"
        continue
    fi
    if [[ $header == *_private.h && $(dirname "$header") != "$folder" && $folder != tests* ]]; then
        complain "$file:$line: \"$header\" is private to $(dirname "$header")/"
    fi
    if [[ $may != any && " $may " != *" $(layer_of "$header") "* ]]; then
        complain "$file:$line: \"$header\": files of $folder/ include only from: $may"
    fi
done < <(find consumers features models producers schemas core tests -name '*.[ch]' -exec \
    grep -HnoP '^\s*#\s*include\s*"\K[^"]+' {} + 2>/dev/null)

[ "$n" -gt 0 ] || { echo "no include was found below $PWD"; exit 1; }
[ "$bad" -eq 0 ] || { echo "$bad of $n includes break the layers (STYLE section 1)"; exit 1; }
echo "$n includes keep the layers"
