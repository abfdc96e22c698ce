#!/usr/bin/env bash
# Tools: standardwebhooks of PyPI 1.1.0 signs, standardwebhooks of npm 1.1.1 verifies.
#
# Behaviour: Python's `sign` takes a datetime and relabels its zone as UTC instead of
# converting it. Two equal moments, written in two zones, give two signatures. The
# one from another zone covers a timestamp that is off by the offset.
#
# Guess: an aware datetime is a moment, and its zone makes no difference.
#
# Why it matters: a sender whose clock objects carry the local zone works in London
# in winter, and fails everywhere else. The receiver says "No matching signature",
# so the search begins at the secret. Signers must be fed UTC, and tested off UTC.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tools could not be had.
set -euo pipefail
export LC_ALL=C TZ=UTC

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }

python3 -m venv venv
venv/bin/pip -q install --disable-pip-version-check standardwebhooks==1.1.0 || exit 2
npm install --no-audit --no-fund --silent standardwebhooks@1.1.1 >&2 || exit 2
cat >sign.py <<'PYTHON'
import json
from datetime import datetime, timedelta, timezone
from standardwebhooks import Webhook

signer = Webhook("whsec_ZXhhbXBsZSBzZWNyZXQgb2YgMjQgYnl0")
utc = datetime.now(timezone.utc).replace(microsecond=0)
berlin = utc.astimezone(timezone(timedelta(hours=1)))
assert utc == berlin and utc.timestamp() == berlin.timestamp()
for zone, moment in ("UTC", utc), ("+01:00", berlin):
    print(json.dumps({"zone": zone, "headers": {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signer.sign("msg_1", moment, '{"done":true}')}}))
PYTHON
cat >verify.cjs <<'JS'
const { Webhook } = require('standardwebhooks');
const receiver = new Webhook('whsec_ZXhhbXBsZSBzZWNyZXQgb2YgMjQgYnl0');
for (const line of require('fs').readFileSync(0, 'utf8').trim().split('\n')) {
  const { zone, headers } = JSON.parse(line);
  let word = 'verified';
  try { receiver.verify('{"done":true}', headers); } catch (error) { word = error.message; }
  console.log(`signed with a time in ${zone}: ${word}`);
}
JS
venv/bin/python sign.py | node verify.cjs | tee seen
grep -qx 'signed with a time in UTC: verified' seen || changed 'UTC'
grep -qx 'signed with a time in +01:00: No matching signature found' seen || changed 'another zone'
echo 'as described'
