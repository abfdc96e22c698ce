#!/usr/bin/env bash
# Deletes one of a customer's backups, for root at a shell or from cron.
# shellcheck source=scripts/order.sh
source "$(dirname "$(readlink -f "$0")")/order.sh"

[ $# -eq 2 ] || [ $# -eq 3 ] || refuse "usage: ${0##*/} <customer_id> <snapshot_id> [repository]"
need_customer "$1"
need_snapshot "$2"
repository=${3-manual}
[[ $repository =~ ^[a-z0-9][a-z0-9-]*$ ]] || refuse "'$repository' is no repository name"

order delete "$1" ",\"repository\":\"$repository\",\"snapshots\":[\"$2\"]"
