# Sourced by scripts/install: takes away what it has installed. Backups, configuration, secrets and
# what the databases hold stay where they are.
# shellcheck shell=bash disable=SC2034,SC2119,SC2154  # The files share their variables and functions.

uninstall() {
    local every=(holdfast-worker.service holdfast-enqueue.service holdfast-recover.service)
    stop_units "${every[@]}"
    settle_sites
    gone "${every[@]/#//etc/systemd/system/}"
    if [ "$changes" -gt 0 ] && [ "$dry_run" = no ] && systemd_runs; then
        systemctl daemon-reload
        systemctl reset-failed "${every[@]}" 2>/dev/null || true
    fi
    gone /etc/sudoers.d/holdfast /etc/logrotate.d/holdfast
    remove_nginx
    unlink_scripts
    if compgen -G '/usr/local/share/man/man1/holdfast*.1' >/dev/null; then
        step "remove the manual pages of the command holdfast" rm -f /usr/local/share/man/man1/holdfast*.1
    fi
    gone /usr/local/share/bash-completion/completions/holdfast /usr/local/bin/holdfast
    gone "$bin" /opt/holdfast/scripts
    # Whatever else is there is somebody's own.
    if [ "$dry_run" = no ] && [ -d /opt/holdfast ]; then rmdir --ignore-fail-on-non-empty /opt/holdfast; fi
    remove_user "$web_user"
    remove_user "$worker_user"
    tell_changes
    tell_kept
}

# The worker first: it ends what it has in hand, or puts it back.
stop_units() {
    local unit
    for unit in "$@"; do
        if systemd_runs && systemctl --quiet is-active "$unit"; then
            step "stop $unit, which ends what it has in hand first" systemctl stop "$unit"
        fi
        if systemctl --quiet is-enabled "$unit" 2>/dev/null; then
            step "no longer begin $unit at boot" systemctl --quiet disable "$unit"
        fi
    done
}

# A site that was being restored is finished or put back, since nobody does it later.
settle_sites() {
    if [ "$dry_run" = yes ] || [ ! -x "$bin/holdfast-executor" ] || [ ! -e "$etc/executor.toml" ]; then return; fi
    "$bin/holdfast-executor" recover ||
        die "a site is not settled yet, as is said above. The units are stopped, and nothing else is removed: mend that, and run this again"
}

# Sites that include the rule would keep nginx from beginning if it were gone.
remove_nginx() {
    local before=$changes sites
    sites=$(grep -rlF holdfast-site.conf /etc/nginx 2>/dev/null |
        grep -vxF -e "$nginx_rules" -e "$nginx_snippet" || true)
    if [ -n "$sites" ]; then
        say "nginx keeps $nginx_rules and $nginx_snippet, since these include it: ${sites//$'\n'/, }"
        return
    fi
    gone "$nginx_rules" "$nginx_snippet"
    if [ "$changes" -gt "$before" ] && [ -n "$(command -v nginx)" ]; then
        step "have nginx read its configuration again" reload_nginx
    fi
}

unlink_scripts() {
    local script
    for script in /opt/shophosting/scripts/customer-*.sh; do
        if [[ $(readlink "$script") != /opt/holdfast/scripts/* ]]; then continue; fi
        gone "$script"
        if [ -e "$script.before-holdfast" ]; then
            step "put back the earlier $script" mv -T "$script.before-holdfast" "$script"
        fi
    done
}

# What was the user's becomes root's, since the number may be somebody else's one day.
remove_user() {
    if ! getent passwd "$1" >/dev/null; then return; fi
    if getfacl --omit-header --absolute-names /var/customers 2>/dev/null | grep -q "^user:$1:"; then
        step "forget the user $1 at /var/customers" setfacl -x "u:$1" /var/customers
    fi
    local place
    for place in "$etc" /var/log/holdfast; do
        if [ ! -d "$place" ]; then continue; fi
        step "give root what is $1's in $place" find "$place" \( -user "$1" -o -group "$1" \) \
            -exec chown -h root:root {} +
    done
    step "remove the user $1" userdel "$1"
}

# What restores have displaced is kept for an undo, which nobody can order any more.
tell_kept_copies() {
    local place folder schema size
    place=$(value customers "$etc/executor.toml")
    while IFS= read -r folder; do
        size=$(du -sh "$folder" | cut -f 1)
        say "  $folder, $size: what restores have displaced; remove it when nobody wants it back"
    done < <(find "${place:-/var/customers}" -maxdepth 2 -type d -name .holdfast 2>/dev/null | sort)
    if ! server_answers; then return; fi
    while IFS=$'\t' read -r schema size; do
        say "  in MariaDB: $schema, $size MB: what a restore has displaced; DROP DATABASE it when nobody wants it back"
    done < <(sql <<'SQL'
SELECT SCHEMA_NAME, (SELECT ROUND(IFNULL(SUM(DATA_LENGTH + INDEX_LENGTH), 0) / 1000000, 1)
    FROM information_schema.TABLES WHERE TABLE_SCHEMA = SCHEMA_NAME)
FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE 'holdfast\_undo\_%' ORDER BY SCHEMA_NAME
SQL
    )
}

tell_kept() {
    local path
    say "Kept:"
    for path in "$etc" /var/backups/holdfast /var/lib/holdfast /var/cache/holdfast /var/log/holdfast /var/customers \
        /opt/holdfast /etc/systemd/system/holdfast-*.service.d; do
        if [ "$dry_run" = no ] && [ -e "$path" ]; then say "  $path"; fi
    done
    tell_kept_copies
    say "  in MariaDB: the schema of the control database, and the accounts holdfast, holdfast_admin, holdfast_web and holdfast_worker"
    say "$etc/master.secret opens the backups, wherever they are. Who installs again goes on with all of it."
}
