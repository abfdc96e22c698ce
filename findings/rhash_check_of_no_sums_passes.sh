#!/usr/bin/env bash
# Tools: rhash 1.4.3 (Debian 12), sha256sum of coreutils.
#
# Behaviour: `rhash --check` of a list without a single sum prints "Nothing to verify" and
# ends with 0. `sha256sum --check` ends with 1 for the same list.
#
# Guess: a check that checks nothing is no success, as with sha256sum.
#
# Why it matters: a disk that was full when the list was written leaves an empty list.
# From then on each verification of the archive passes. The number of sums must be
# known from elsewhere and compared.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tool could not be had.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }
get() { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; }

if ! get rhash=1.4.3-3 librhash0=1.4.3-3 >apt.log 2>&1; then
	cat apt.log >&2
	exit 2
fi
for deb in *.deb; do dpkg-deb -x "$deb" root; done
export PATH="$work/root/usr/bin:$PATH" HOME="$work"
export LD_LIBRARY_PATH="$work/root/usr/lib/x86_64-linux-gnu"

: >empty.sums
printf '; made by the nightly job\n' >comment.sums
echo page >page
rhash --sha256 page >page.sums
echo other >page

# ends <program> <word…>: the exit code.
ends() {
	local code=0
	"$@" >>log 2>&1 || code=$?
	echo "$code"
}

empty=$(ends rhash --check empty.sums)
comment=$(ends rhash --check comment.sums)
plain=$(ends sha256sum --check empty.sums)
wrong=$(ends rhash --check page.sums)
printf '%-34s exit %s\n' 'rhash, an empty list:' "$empty" 'rhash, a comment alone:' "$comment" \
	'sha256sum, an empty list:' "$plain" 'rhash, a file that changed:' "$wrong"
grep -m 1 'Nothing to verify' log || changed 'the sentence is gone'

[ "$empty $comment" = '0 0' ] || changed "rhash ends with $empty and $comment"
[ "$plain" != 0 ] || changed 'sha256sum passes'
[ "$wrong" != 0 ] || changed 'rhash passes a file that changed'
echo 'as described'
