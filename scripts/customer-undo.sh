#!/usr/bin/env bash
# Takes back a customer's latest restore or undo, or the one of a job, for root at a shell or from
# cron.
# shellcheck source=scripts/order.sh
source "$(dirname "$(readlink -f "$0")")/order.sh"

if [ $# -lt 1 ] || [ $# -gt 2 ]; then refuse "usage: ${0##*/} <customer_id> [job]"; fi
need_customer "$1"
of=''
if [ $# -eq 2 ]; then
    [[ $2 =~ ^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$ ]] || refuse "'$2' is no job id: give the job's UUID, as the restore said it"
    of=",\"of\":\"$2\""
fi

order undo "$1" "$of"
