#!/usr/bin/env bash
# Tool: rclone 1.60.1 (Debian 12), a local folder against a crypt remote.
#
# Behaviour: `rclone check` compares only sizes when the two sides share no hash.
# A crypt remote has none. Other bytes of the same length pass: exit 0 and
# "0 differences found". A NOTICE says that hashes "could not be checked".
#
# Guess: exit 0 of a command called `check` means equal contents.
#
# Why it matters: the encrypted offsite copy of a backup is the copy that nobody
# opens. Proof needs `cryptcheck` or `check --download`. A job that believes the
# exit code of plain `check` certifies a copy that it never read.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tool could not be had.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }
get() { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; }

if ! get rclone=1.60.1+dfsg-2+b5 >apt.log 2>&1; then
	cat apt.log >&2
	exit 2
fi
dpkg-deb -x rclone_*.deb root
export PATH="$work/root/usr/bin:$PATH" HOME="$work/home" RCLONE_CONFIG="$work/rclone.conf"
mkdir home source other
: >rclone.conf
export RCLONE_CONFIG_OFFSITE_TYPE=crypt RCLONE_CONFIG_OFFSITE_REMOTE="$work/offsite"
RCLONE_CONFIG_OFFSITE_PASSWORD=$(rclone obscure example)
export RCLONE_CONFIG_OFFSITE_PASSWORD

# The copy holds another dump of the same length.
echo 'rows of Monday, ok' >source/dump.sql
echo 'rows of Sunday, ok' >other/dump.sql
rclone copy other offsite:

try() {
	local code=0
	rclone "$@" >log 2>&1 || code=$?
	printf 'rclone %s: exit %s\n' "$1${4:+ $4}" "$code"
	sed 's/^[0-9/]* [0-9:]* /    /' log
	last=$code
}
try check source offsite:
plain=$last
grep -q '0 differences found' log || changed 'check counts a difference'
grep -q '1 hashes could not be checked' log || changed 'check is silent about hashes'
try check source offsite: --download
download=$last
try cryptcheck source offsite:
crypt=$last

[ "$plain" = 0 ] || changed "plain check ends with $plain"
[ "$download" = 1 ] || changed "check --download ends with $download"
[ "$crypt" = 1 ] || changed "cryptcheck ends with $crypt"
echo 'as described'
