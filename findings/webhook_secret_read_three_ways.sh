#!/usr/bin/env bash
# Tools: standardwebhooks of PyPI 1.1.0 and of npm 1.1.1, and the crate of that name 1.0.1.
#
# Behaviour: a secret whose base64 lacks the padding is taken by Python and npm, and
# refused by Rust. One in the URL alphabet is refused by npm and Rust. Python drops
# the letters `-` and `_` and signs with another, shorter key.
#
# Guess: the reference libraries of one standard read one secret alike.
#
# Why it matters: the sender cannot know the receiver's language. A secret of 24 or 48
# bytes in the plain alphabet needs no padding and is read alike by all. A length
# of 32 bytes, which most generators give, is not safe to shorten.
#
# Exit: 0 as described, 1 the behaviour changed, 2 the tools could not be had.
set -euo pipefail
export LC_ALL=C

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

changed() { printf 'CHANGED: %s\n' "$*" >&2; exit 1; }

python3 -m venv venv
venv/bin/pip -q install --disable-pip-version-check standardwebhooks==1.1.0 || exit 2
npm install --no-audit --no-fund --silent standardwebhooks@1.1.1 >&2 || exit 2
mkdir -p rust/src
cat >rust/Cargo.toml <<'TOML'
[package]
name = "signer"
version = "0.1.0"
edition = "2021"
[dependencies]
standardwebhooks = "=1.0.1"
TOML
cat >rust/src/main.rs <<'RUST'
fn main() {
    let secret = std::env::args().nth(1).unwrap();
    match standardwebhooks::Webhook::new(&secret) {
        Ok(signer) => println!("{}", signer.sign("msg_1", 1_795_995_716, b"{}").unwrap()),
        Err(_) => println!("refused"),
    }
}
RUST
CARGO_TARGET_DIR="$work/target" cargo build -q --manifest-path rust/Cargo.toml || exit 2
cat >sign.py <<'PYTHON'
import sys
from datetime import datetime, timezone
from standardwebhooks import Webhook
try:
    print(Webhook(sys.argv[1]).sign("msg_1", datetime.fromtimestamp(1795995716, timezone.utc), "{}"))
except ValueError:
    print("refused")
PYTHON
cat >sign.cjs <<'JS'
const { Webhook } = require('standardwebhooks');
try {
  console.log(new Webhook(process.argv[2]).sign('msg_1', new Date(1795995716000), '{}'));
} catch { console.log('refused'); }
JS

# The right answer for a key, by openssl alone.
right() { # HEX
	printf 'v1,%s' "$(printf 'msg_1.1795995716.{}' |
		openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" -binary | base64)"
}
judge() { # ANSWER HEX
	case $1 in
	refused) echo refused ;;
	"$(right "$2")") echo right ;;
	*) echo 'another key' ;;
	esac
}
try() { # WHAT HEX SECRET EXPECTED
	local seen
	seen="Python $(judge "$(venv/bin/python sign.py "$3")" "$2"), npm $(
		judge "$(node sign.cjs "$3")" "$2"), Rust $(judge "$(target/debug/signer "$3")" "$2")"
	echo "$1: $seen"
	[ "$seen" = "$4" ] || changed "$1"
}
bytes() { printf '%s' "$1" | tr -d '\n' | base64 -d | od -An -tx1 | tr -d ' \n'; }

plain=$(printf 'example secret of 24 byt' | base64)
padded=$(printf 'example secret of 25 byte' | base64)
alphabet='aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa+/'
try '24 bytes, plain' "$(bytes "$plain")" "whsec_$plain" 'Python right, npm right, Rust right'
try '25 bytes, padded' "$(bytes "$padded")" "whsec_$padded" 'Python right, npm right, Rust right'
try '25 bytes, padding cut off' "$(bytes "$padded")" "whsec_${padded%%=*}" \
	'Python right, npm right, Rust refused'
try 'URL alphabet' "$(bytes "$alphabet")" "whsec_$(printf '%s' "$alphabet" | tr '+/' '-_')" \
	'Python another key, npm refused, Rust refused'
echo 'as described'
