#!/usr/bin/env bash
# Restores one customer's site from a snapshot, for root at a shell or from cron.
# shellcheck source=scripts/order.sh
source "$(dirname "$(readlink -f "$0")")/order.sh"

usage="usage: ${0##*/} <customer_id> <snapshot_id> <db|files|both> [repository] [--no-undo] [--keep-unhealthy]"
if [ $# -lt 3 ] || [ $# -gt 6 ]; then refuse "$usage"; fi
need_customer "$1"
need_snapshot "$2"
need_scope "$3"
customer=$1 snapshot=$2 scope=$3
shift 3
repository=manual undo=keep unhealthy=false
for word in "$@"; do
    case $word in
    --no-undo) undo=none ;;
    --keep-unhealthy) unhealthy=true ;;
    *) [[ $word =~ ^[a-z0-9][a-z0-9-]*$ ]] || refuse "$usage" ; repository=$word ;;
    esac
done

order restore "$customer" ",\"repository\":\"$repository\",\"snapshot\":\"$snapshot\",\"scope\":\"$scope\",\"undo\":\"$undo\",\"keep_unhealthy\":$unhealthy"
