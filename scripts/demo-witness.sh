# Sourced by the demo: who watches the shop, what it is compared with, and how all is told.
# shellcheck shell=bash disable=SC2034,SC2154  # The demo's files share their variables.

visitors=() door_watch=''
# What a closed site's own time must stay under, in milliseconds.
well_under_a_second=1000
# An order that takes longer than this is told why, in microseconds.
long=10000000
bold='' loud='' good='' plain=''
if [ -t 1 ]; then bold=$'\e[1m' loud=$'\e[1;31m' good=$'\e[1;32m' plain=$'\e[0m'; fi

# --- the visitors --------------------------------------------------------------------------------

invite_visitors() {
    visit look_at_page page &
    visitors+=($!)
    visit ask_database database &
    visitors+=($!)
}

dismiss_visitors() {
    local one
    for one in "${visitors[@]}"; do end_process "$one"; done
    visitors=()
}

# visit <look> <name>: looks at the shop as a web server would, again and again: it is closed, or what
# `look` sees.
visit() {
    local seen nothing first='' last='' closed=0 damaged=0 whole=0 other=0 enough=''
    trap 'enough=yes' TERM
    exec {nothing}<> <(:)
    while [ -z "$enough" ]; do
        # A millisecond of rest: the shop has other visitors.
        read -rt 0.001 -u "$nothing" || true
        seen=closed
        if [ ! -e "$base/.maintenance" ]; then "$1"; fi
        case $seen in
        closed)
            closed=$((closed + 1))
            last=${EPOCHREALTIME/./}
            first=${first:-$last}
            ;;
        damaged) damaged=$((damaged + 1)) ;;
        whole) whole=$((whole + 1)) ;;
        *) other=$((other + 1)) ;;
        esac
    done
    printf '%s %s %s %s %s\n' "$damaged" "$closed" "$whole" "$other" "$((last - first))" >"$world/$2.visits"
}

# The page, as the container serves it.
page_in_container() {
    curl --silent --max-time 5 --noproxy '*' "http://127.0.0.1:$port/index.php" || true
}

# The page's first line, through the container if there is one; a container that is stopped or starts
# serves nothing, as behind a closed door.
look_at_page() {
    local page=''
    if [ -n "$engine" ]; then
        page=$(page_in_container)
        if [ -z "$page" ]; then return; fi
    else
        read -r page 2>/dev/null <"$shop/index.php" || true
    fi
    case $page in
    *Hacked*) seen=damaged ;;
    *'The shop'*) seen=whole ;;
    *) seen=other ;;
    esac
}

# What the shop's own account is told of its best customers. A connection that was ended has met the
# closed shop.
ask_database() {
    seen=$(as_site 2>&1 <<<"$question" || true)
    case $seen in
    "$good_answer") seen=whole ;;
    "$bad_answer") seen=damaged ;;
    *'Lost connection'* | *'Connection was killed'* | *'server has gone away'*) seen=closed ;;
    esac
}

# visits <name> <who>
visits() {
    local damaged closed whole other open_again
    read -r damaged closed whole other open_again <"$world/$1.visits"
    line '' '' "$2, $((damaged + closed + whole + other)) times: damaged $damaged, closed $closed (for $(milliseconds "$open_again")), whole $whole"
    if [ "$other" -gt 0 ]; then promise "nobody is told anything else: $other times"; fi
}

# --- what the shop is compared with --------------------------------------------------------------

# list_site <customer>
list_site() {
    list "$world/customers/customer-$1/public"
    list_database "customer_$1"
}

# What makes a tree: each name with its kind, mode, owner, time, links, target and content.
list() (
    cd "$1" || exit
    find . -printf '%P %y %m %U:%G %T@ %l\n' | sort
    find . -type f -links +1 -printf '%P shares its content with %n\n' | sort
    find . -type f -print0 | sort -z | xargs -0 sha256sum
)

# What makes a database: the server's own words for every table, view and program, the rows as they
# are read, generated columns too, and who may call what.
list_database() {
    mariadb-dump --no-defaults --socket="$socket" --default-character-set=utf8mb4 \
        --no-data --skip-dump-date --routines --events --triggers "$1"
    list_rows "$1"
    sql <<SQL
SELECT Routine_name, Routine_type, User, Host, Proc_priv FROM mysql.procs_priv
  WHERE Db = '$1' ORDER BY 1, 2, 3, 4;
SQL
}

# list_rows <schema>
list_rows() {
    sql <<SQL | sql
SELECT CONCAT('SELECT * FROM \`$1\`.\`', TABLE_NAME, '\`;') FROM information_schema.TABLES
  WHERE TABLE_SCHEMA = '$1' AND TABLE_TYPE = 'BASE TABLE' ORDER BY TABLE_NAME;
SQL
}

# like <customer> <listing> <name> <what it is then>
like() {
    if list_site "$1" | cmp -s - "$2"; then
        line "$3" '' "$4"
    else
        promise "$4: see what differs below"
        list_site "$1" | diff "$2" - | head -n 10 || true
    fi
}

# --- how it is told ------------------------------------------------------------------------------

# closed <step>: tells for how long the site was closed, how much of that was its container's, and how
# much the machine's. A time that the machine has taken breaks no promise of ours.
closed() {
    local closed services core disk ours
    closed=$(field .closed_ms <<<"$shown") services=$(field '.services_ms // 0' <<<"$shown")
    dismiss_door_watch
    read -r core disk <"$world/door.stalls"
    line "$1" "$took" "the site was closed for $closed ms, $services ms of that for its container"
    ours=$((closed - services))
    if [ "$ours" -lt "$well_under_a_second" ]; then return; fi
    line '' '' "that is long: meanwhile programs here waited $((core / 1000)) ms for a core, $((disk / 1000)) ms for the disk"
    if [ "$((ours - (core + disk) / 1000))" -ge "$well_under_a_second" ]; then
        promise 'the site is closed for well under a second, its own container and a busy machine apart'
    fi
}

# stalls: for how long programs of this machine have waited for a core and for a disk since it was
# started, in microseconds; nothing where the kernel does not count that.
stalls() {
    local which counted
    for which in cpu io; do
        counted=$(sed -nE 's/^some .*total=([0-9]+)$/\1/p' "/proc/pressure/$which" 2>/dev/null) || true
        printf '%s ' "${counted:-0}"
    done
    printf '\n'
}

# watch_door: from the moment in which the site is closed until it is open again, what `stalls` counts.
watch_door() {
    local before after nothing enough=''
    trap 'enough=yes' TERM
    exec {nothing}<> <(:)
    printf '0 0\n' >"$world/door.stalls"
    until [ -e "$base/.maintenance" ] || [ -n "$enough" ]; do read -rt 0.005 -u "$nothing" || true; done
    read -ra before < <(stalls)
    while [ -e "$base/.maintenance" ] && [ -z "$enough" ]; do read -rt 0.005 -u "$nothing" || true; done
    read -ra after < <(stalls)
    printf '%s %s\n' $((after[0] - before[0])) $((after[1] - before[1])) >"$world/door.stalls"
}

invite_door_watch() {
    watch_door &
    door_watch=$!
}

dismiss_door_watch() {
    end_process "$door_watch"
    door_watch=''
}

# promise <what was not kept>
promise() {
    broken=1
    printf '  %sNOT%s %s\n' "$loud" "$plain" "$1"
}

# give_up <why>: what cannot go on; the logs go with the demo's folder, so their ends are shown.
give_up() {
    printf '\n%s\n\n' "$1"
    tail -n 5 "$world"/log/* >&2 || true
    printf '\nNOT everything was as promised.\n'
    exit 1
}

# line <step> <microseconds> <what came of it>
line() {
    local seconds=''
    if [ -n "$2" ]; then seconds=$(printf '%d.%02d s' $(($2 / 1000000)) $(($2 / 10000 % 100))); fi
    printf '  %-18s %8s   %s\n' "$1" "$seconds" "$3"
    if [ "${2:-0}" -ge "$long" ]; then why_long; fi
}

# Why the last order has taken long, as far as the machine is why.
why_long() {
    printf '  %-18s %8s   %s\n' '' '' \
        "that is long: meanwhile programs here waited $((waited_for[0] / 1000000)) s for a core, $((waited_for[1] / 1000000)) s for the disk"
}

head_line() {
    printf '\n%s%s%s\n\n' "$bold" "$1" "$plain"
}

size_of() {
    find "$1" -type f -printf '%s\n' | awk '{ bytes += $1 } END { printf "%d", bytes }'
}

amount() {
    if [ "$1" -lt 1000000 ]; then
        printf '%d kB' $(($1 / 1000))
    else
        printf '%d.%d MB' $(($1 / 1000000)) $(($1 / 100000 % 10))
    fi
}

milliseconds() {
    printf '%d.%d ms' $(($1 / 1000)) $(($1 / 100 % 10))
}
