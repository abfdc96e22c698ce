# Sourced first by setup, demo, test, soak and bench: strict mode, the repository's root, and the
# one way to become root.
#
# Cargo builds as whoever called; only what needs root goes through `as_root`.
# shellcheck shell=bash

set -euo pipefail
umask 022
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."
# cargo where rustup puts it, and the system's programs that a plain user's PATH leaves out.
export PATH="$PATH:${CARGO_HOME:-${HOME-}/.cargo}/bin:/usr/sbin:/sbin"

say() {
    printf '%s\n' "$1" >&2
}

die() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit 1
}

need_cargo() {
    [ -n "$(command -v cargo)" ] ||
        die "there is no cargo on PATH: install Rust first. If you called this through sudo, call it as yourself: it calls sudo where it needs to"
}

# Says, once and to a plain user alone, that sudo will be called.
say_sudo() {
    if [ "$(id -u)" -eq 0 ] || [ -n "${said_sudo-}" ]; then return; fi
    say "This needs root, since sites belong to many owners: what needs it goes through sudo."
    export said_sudo=yes
}

# as_root <command> [argument...]: becomes that command as root, for a plain user through sudo with
# what cargo and the tests need of the environment. Values stay out of argv, where anybody could read
# them; only PATH and HOME are there, since sudo sets its own. Does not return.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then exec "$@"; fi
    [ -n "$(command -v sudo)" ] || die "this needs root, and there is no sudo: call it as root"
    say_sudo
    local name keep=said_sudo
    for name in $(compgen -e); do
        case $name in
        CI | CARGO_* | RUST* | HOLDFAST_*) keep+=,$name ;;
        esac
    done
    exec sudo --preserve-env="$keep" env PATH="$PATH" HOME="$HOME" "$@"
}
