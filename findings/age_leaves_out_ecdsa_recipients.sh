#!/usr/bin/env bash
# Tool: age 1.1.1 (Debian 12), with recipients from a file of SSH public keys.
#
# Behaviour: age skips ECDSA keys in a recipients file, with a warning on stderr and
# exit 0. Only those with ssh-ed25519 or ssh-rsa keys can open the result. A file
# with nothing but an ECDSA key is an error.
#
# Guess: each key of the file can open the archive, or the command fails.
#
# Why it matters: `age -R authorized_keys` looks like an easy escrow for a backup.
# The colleague with the ECDSA key learns in the emergency that it was not for him.
# A product must count the stanzas in the header, or take no warning for success.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tool could not be had.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }
get() { apt-get download -q "$@" || { apt-get update -q && apt-get download -q "$@"; }; }

command -v ssh-keygen >/dev/null || { echo 'needs ssh-keygen' >&2; exit 2; }
if ! get age=1.1.1-1+b3 >apt.log 2>&1; then
	cat apt.log >&2
	exit 2
fi
dpkg-deb -x age_*.deb root
export PATH="$work/root/usr/bin:$PATH"

for kind in ed25519 rsa ecdsa; do
	ssh-keygen -q -t "$kind" -N '' -C "$kind@example.org" -f "key_$kind"
done
cat key_*.pub >authorized_keys

echo 'backup' | age -R authorized_keys -o backup.age 2>warnings ||
	changed "age ends with $? for three keys"
stanzas=$(grep -ac '^-> ssh-' backup.age)
echo "three keys given, exit 0, $stanzas can open it; stderr says:"
sed 's/^/    /' warnings
[ "$stanzas" = 2 ] || changed "$stanzas recipients"
grep -q 'ignoring unsupported SSH key' warnings || changed 'another warning, or none'

for kind in ed25519 rsa; do
	[ "$(age -d -i "key_$kind" backup.age)" = backup ] || changed "$kind cannot open it"
	echo "$kind opens it"
done
if age -d -i key_ecdsa backup.age >/dev/null 2>&1; then changed 'ecdsa opens it'; fi
echo 'ecdsa does not'
if echo backup | age -R key_ecdsa.pub >/dev/null 2>&1; then
	changed 'an ECDSA key alone is taken'
fi
echo 'an ECDSA key alone is refused'
echo 'as described'
