#!/usr/bin/env bash
# Tool: mtree-netbsd 20180822 (Debian 12).
#
# Behaviour: `mtree -p TREE < SPEC` ends with 2 when a file has changed. When a file is
# gone, or one is there that the specification does not have, it ends with 0. It
# prints the name in each case.
#
# Guess: a tree that lacks a file of its specification does not pass.
#
# Why it matters: a script compares a restored site with the specification of before, by
# the exit code. A restore that lost half of the files passes. Only the output tells:
# it must be empty.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tool could not be had.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }
get() { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; }

if ! get mtree-netbsd=20180822-7 >apt.log 2>&1; then
	cat apt.log >&2
	exit 2
fi
for deb in *.deb; do dpkg-deb -x "$deb" root; done
export PATH="$work/root/usr/bin:$PATH" HOME="$work"
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"

mkdir site
echo index >site/index
echo news >site/news
mtree -c -k type,size,sha256 -p site >spec

# look <what>: exit code and output of the comparison.
look() {
	local code=0
	mtree -p site <spec >log || code=$?
	printf '%-9s exit %s, %s\n' "$1:" "$code" "$(head -n 1 log)"
	printf '%s\n' "$code" >"$1"
	[ "$1" = same ] || [ -s log ] || changed "$1 prints nothing"
}

look same
rm site/news
look missing
echo news >site/news
echo more >site/more
look extra
rm site/more
echo other >site/index
look other

codes="$(cat same) $(cat missing) $(cat extra) $(cat other)"
[ "$codes" = '0 0 0 2' ] || changed "exit codes $codes"
echo 'as described'
