# Sourced by scripts/install: the units, begun or begun anew; a look at what is there now; what is next.
# shellcheck shell=bash disable=SC2034,SC2119,SC2154  # The files share their variables and functions.

# Whether something is not as it should be that a person must mend.
bad=no

# The units of this role, in the order in which they begin.
units() {
    if has node; then echo holdfast-recover.service; fi
    if has web; then echo holdfast-enqueue.service; fi
    if has node; then echo holdfast-worker.service; fi
}

install_units() {
    local unit
    for unit in $(units); do
        file 644 root:root "/etc/systemd/system/$unit" "systemd/$unit"
    done
    if [ "$dry_run" = no ] && systemd_runs; then systemctl daemon-reload; fi
    for unit in $(units); do
        if [ "$unit" = holdfast-worker.service ] && lacks_for_worker; then continue; fi
        if ! systemctl --quiet is-enabled "$unit" 2>/dev/null; then
            step "have $unit begin at boot" systemctl --quiet enable "$unit"
        fi
        begin "$unit"
    done
}

# A worker that is begun anew ends what it has in hand first, for ten minutes at most.
begin() {
    if ! systemd_runs; then return; fi
    if ! systemctl --quiet is-active "$1"; then
        step "start $1" start start "$1" 60
    elif is_stale "$1"; then
        step "restart $1, which ends what it has in hand first" start restart "$1" 1900
    fi
}

# Whether what it runs by is newer than its process, whoever has changed it. `recover` has ended.
is_stale() {
    local name=${1%.service} since
    if [ "$1" = holdfast-recover.service ]; then return 1; fi
    since=$(systemctl show --timestamp=us --property=ExecMainStartTimestamp --value "$1")
    [ -n "$(find "/etc/systemd/system/$1" "$bin/$name" "$etc/${name#holdfast-}.toml" -newermt "$since")" ]
}

# start <start|restart> <unit> <seconds>: a worker waits for a control database that is away.
start() {
    systemctl reset-failed "$2" 2>/dev/null || true
    if timeout "$3" systemctl "$1" "$2"; then return; fi
    say "$2 does not begin, or waits for something: journalctl -u $2 says what"
    bad=yes
}

# Whether the worker lacks what comes from the web side's machine.
lacks_for_worker() {
    if [ "$dry_run" = yes ]; then return 1; fi
    [ ! -e "$etc/worker.password" ] || ! compgen -G "$etc/ticket-keys/*.pub" >/dev/null
}

# What the parts say of themselves. The worker's doctor asks the executor's as well, by sudo.
look() {
    if [ "$dry_run" = yes ]; then return; fi
    if has node; then
        say "holdfast-executor doctor:"
        "$bin/holdfast-executor" doctor || bad=yes
        if systemd_runs && ! lacks_for_worker; then
            say "holdfast-worker doctor:"
            runuser -u "$worker_user" -- "$bin/holdfast-worker" doctor || bad=yes
        fi
    fi
    if has web && systemd_runs; then
        web_answers || bad=yes
    fi
    # A node alone lacks whose tickets count until somebody has brought the key.
    if [ "$bad" = yes ] && ! { has node && lacks_for_worker; }; then
        die "not all is good: mend what is said above, and run this again"
    fi
}

# It listens when it has begun. Ready is it while the control database answers.
web_answers() {
    local address
    address=http://$(value listen "$etc/enqueue.toml")
    if curl --silent --show-error --fail --noproxy '*' --max-time 20 --output /dev/null "$address/readyz"; then
        echo "good  the web side: it takes orders at $address"
    else
        echo "BAD   the web side: $address/readyz does not say that it is ready: see journalctl -u holdfast-enqueue"
        return 1
    fi
}

tell_next() {
    if [ "$dry_run" = yes ]; then return; fi
    if ! systemd_runs; then
        say "Next: systemd does not run here; the units begin when it does."
    elif [ "$role" = all ]; then
        say "Next: say in $etc/enqueue.toml whose tokens count ([tokens]), in $etc/executor.toml where backups go and what a site is, and enter a customer who is in the table customers: $bin/holdfast-enqueue --config $etc/admin.toml customer add <number>."
    elif [ "$role" = web ]; then
        say "Next: say in $etc/enqueue.toml whose tokens count ([tokens]), bring $etc/web/*.pub and $etc/worker.password to each node, and register it: $bin/holdfast-enqueue --config $etc/admin.toml node add <name> --pool <pool>."
    elif lacks_for_worker; then
        say "Next: bring from the web side's machine its public key into $etc/ticket-keys and $etc/worker.password, set redis and database in $etc/worker.toml, register the node $node there, and run this again."
    else
        say "Next: say in $etc/executor.toml where backups go and what a site is, and enter this node's customers at the web side."
    fi
}
