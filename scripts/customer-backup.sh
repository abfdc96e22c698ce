#!/usr/bin/env bash
# Backs up one customer's site, for root at a shell or from cron.
# shellcheck source=scripts/order.sh
source "$(dirname "$(readlink -f "$0")")/order.sh"

[ $# -eq 2 ] || [ $# -eq 3 ] || refuse "usage: ${0##*/} <customer_id> <db|files|both> [repository]"
need_customer "$1"
need_scope "$2"
repository=${3-manual}
[[ $repository =~ ^[a-z0-9][a-z0-9-]*$ ]] || refuse "'$repository' is no repository name"
label=manual
[ "$repository" = daily ] && label=daily

order backup "$1" ",\"repository\":\"$repository\",\"scope\":\"$2\",\"label\":\"$label\""
