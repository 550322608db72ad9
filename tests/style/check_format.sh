#!/usr/bin/env bash
# Every C file looks as clang-format 14 writes it (`make format`). usage: check_format.sh [TREE]
set -euo pipefail
cd "${1:-$(dirname "${BASH_SOURCE[0]}")/../..}"

files() {
    git ls-files -co --exclude-standard '*.c' '*.h' 2>/dev/null ||
        find . -name '*.[ch]' -not -path './build/*' -printf '%P\n'
}

mapfile -t c_files < <(files | while read -r f; do [ -e "$f" ] && echo "$f"; done)
[ ${#c_files[@]} -gt 0 ] || { echo "no C file was found below $PWD"; exit 1; }
clang-format-14 --dry-run -Werror "${c_files[@]}" || { echo "\`make format\` puts it right"; exit 1; }
echo "${#c_files[@]} files are formatted"
