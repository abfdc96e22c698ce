# Sourced by the customer-*.sh scripts: writes the request and holds the lifeline.
#
# HOLDFAST_EXECUTOR and HOLDFAST_CONFIG name another program or folder than the installed ones.
# shellcheck shell=bash

set -euo pipefail

executor=${HOLDFAST_EXECUTOR:-/opt/holdfast/bin/holdfast-executor}
config=${HOLDFAST_CONFIG:-/etc/holdfast}

refuse() {
    printf '%s: %s\n' "${0##*/}" "$1" >&2
    exit 2
}

need_customer() {
    [[ $1 =~ ^[1-9][0-9]{0,9}$ ]] || refuse "'$1' is no customer id: give the customer's number, such as 42"
}

need_snapshot() {
    [[ $1 =~ ^[0-9a-f]{64}$ ]] || refuse "'$1' is no snapshot id: give all 64 hexadecimal digits, as the backup said them and \`restic snapshots --json\` does; 'latest' and short ids could mean another customer's backup"
}

need_scope() {
    [[ $1 =~ ^[a-z0-9][a-z0-9,-]*$ ]] || refuse "'$1' is no scope: give db, files, both, or source ids parted by commas"
}

# order <verb> <customer> <the order's own fields, as JSON>
#
# The executor's stdin is the lifeline: this shell keeps it open until the executor has ended, so it
# works from cron, whose own stdin is at its end from the beginning. A signal closes it, and the
# executor puts everything back before it ends.
order() {
    [ -x "$executor" ] || refuse "there is no executor at $executor: install it, or name it in HOLDFAST_EXECUTOR"
    local verb=$1 customer=$2 fields=$3 job now stdout lifeline answer heard piece status
    job=$(</proc/sys/kernel/random/uuid)
    now=$(date +%s)
    exec {stdout}>&1
    # Its exit code comes as text: a `wait` that a signal interrupts would lose it.
    coproc EXECUTOR {
        trap '' INT TERM HUP
        status=0
        "$executor" --config "$config" "$verb" >&"$stdout" || status=$?
        echo "$status"
    }
    # Copies of our own, since bash closes its own ones when the other side ends.
    exec {lifeline}>&"${EXECUTOR[1]}" {answer}<&"${EXECUTOR[0]}" {stdout}>&-
    eval "exec ${EXECUTOR[1]}>&- ${EXECUTOR[0]}<&-"
    trap 'exec {lifeline}>&-' INT TERM HUP
    # An executor that refuses its configuration is gone before it has read this, and says why.
    trap '' PIPE
    printf '{"version":1,"job":"%s","customer":%s,"issued_at":%s,"not_after":%s,"order":{"verb":"%s"%s}}\n' \
        "$job" "$customer" "$now" "$((now + 7 * 86400))" "$verb" "$fields" >&"$lifeline" || true
    status=''
    while true; do
        # Looks up every second: a signal in the moment before a read would wait for its end. A second
        # that ends in the middle of the answer leaves what was read so far.
        heard=0
        read -r -t 1 piece <&"$answer" || heard=$?
        status+=$piece
        if [ "$heard" -eq 0 ]; then
            if [ "$status" -gt 128 ]; then
                printf '%s: the executor was killed: run %s recover\n' "${0##*/}" "$executor" >&2
            fi
            exit "$status"
        fi
        # More than 128 is a signal or a second; less is the end, without an answer.
        [ "$heard" -gt 128 ] || refuse "the executor gave no exit code"
    done
}
