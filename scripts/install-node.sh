# Sourced by scripts/install: a node, where sites are: the executor, which is root's, and around it what
# lets the worker start it and nginx close a site.
# shellcheck shell=bash disable=SC2034,SC2119,SC2154  # The files share their variables and functions.

node=''
nginx_rules=/etc/nginx/conf.d/holdfast.conf
nginx_snippet=/etc/nginx/snippets/holdfast-site.conf

make_folders() {
    folder 755 root:root "$etc/customers"
    folder 755 root:root "$etc/ticket-keys"
    folder 700 root:root /var/backups/holdfast
    if [ ! -d /var/customers ]; then folder 755 root:root /var/customers; fi
    keep_out "$worker_user"
    if has web; then keep_out "$web_user"; fi
    folder 755 root:root /opt/holdfast/scripts
    local script
    for script in scripts/customer-*.sh; do
        file 755 root:root "/opt/holdfast/scripts/${script##*/}" "$script"
    done
    file 644 root:root /opt/holdfast/scripts/order.sh scripts/order.sh
}

# keep_out <user>: of the sites, whatever their modes allow to all.
keep_out() {
    if [ -z "$(command -v setfacl)" ] && [ "$dry_run" = no ]; then return; fi
    if getfacl --omit-header --absolute-names /var/customers 2>/dev/null | grep -qx "user:$1:---"; then return; fi
    step "keep the user $1 out of /var/customers" setfacl -m "u:$1:---" /var/customers
}

make_node_secrets() {
    once 600 root:root "$etc/master.secret" < <(secret)
    if [ "$changed" = yes ] && [ "$dry_run" = no ]; then
        say "KEEP A COPY of $etc/master.secret off this machine: without it no backup can be read."
    fi
    once 600 root:root "$etc/probe.secret" < <(secret)
}

# The example, with this machine's name, the restic beside the programs, a way for the probe into a
# closed site, and a repository on this machine, which is a place to begin and no backup of its disk.
configure_node() {
    local name
    name=$(uname -n | tr '[:upper:]' '[:lower:]' | sed -E 's/\..*//; s/[^a-z0-9-]/-/g; s/^-+//' | cut -c 1-32)
    once 644 root:root "$etc/executor.toml" < <(
        example executor.example.toml \
            -e "s|^name = \"web-1\"|name = \"${name:-node-1}\"|" \
            -e "s|^restic = .*|restic = \"$bin/restic\"|" \
            -e 's|^# probe_secret_file|probe_secret_file|' \
            -e '/^\[repositories.manual\]/a # On this machine, to begin with: it goes with the disk. Another place is, for instance,\n# url = "sftp:backup@backup.example.org:/srv/holdfast/manual/customer-{id}"' \
            -e '/^url = "sftp:/c url = "/var/backups/holdfast/manual/customer-{id}"' \
            -e '/^\[repositories.manual.ssh\]/,/^port = /s/^/# /'
    )
    node=$(value name "$etc/executor.toml")
    node=${node:-${name:-node-1}}
}

# What saves and restores the sites' databases on this machine's server, with no more rights than that.
make_sites_account() {
    if [ -e "$etc/mariadb.toml" ]; then
        once 600 root:root "$etc/mariadb.toml" </dev/null
        if [ "$(sql <<<"$lacks_programs" 2>/dev/null)" = 1 ]; then
            step "give holdfast@localhost the rights to rehearse programs" give_programs
        fi
    elif server_answers; then
        step "make the account holdfast@localhost for the sites' databases ($etc/mariadb.toml)" write_sites_account
        hint_binary_log
    fi
}

# An account of an earlier version cannot make programs in Holdfast's own schemas.
lacks_programs="SELECT COUNT(*) FROM mysql.db WHERE User = 'holdfast' AND Host = 'localhost'
    AND Db = 'holdfast\\\\_%' AND Event_priv = 'N'"

# shellcheck disable=SC2016
give_programs() {
    sql <<<'GRANT CREATE VIEW, SHOW VIEW, CREATE ROUTINE, ALTER ROUTINE, EXECUTE, EVENT, TRIGGER
        ON `holdfast\_%`.* TO holdfast@localhost'
}

write_sites_account() {
    secret >"$work/password"
    account holdfast "$work/password"
    sql <docs/mariadb-account.sql
    text 600 root:root "$etc/mariadb.toml" < <(
        printf 'user = "holdfast"\npassword = "%s"\n' "$(<"$work/password")"
    )
    rm "$work/password"
}

hint_binary_log() {
    if [ "$(sql <<<'SELECT @@log_bin AND NOT @@log_bin_trust_function_creators' 2>/dev/null)" = 1 ]; then
        say "The server writes a binary log: set log_bin_trust_function_creators = 1, or no trigger can be restored."
    fi
}

install_sudoers() {
    visudo -cqf sudoers/holdfast || die "sudoers/holdfast is not valid: visudo says why"
    file 440 root:root /etc/sudoers.d/holdfast sudoers/holdfast
}

install_nginx() {
    local probe=''
    if [ -r "$etc/probe.secret" ]; then probe=$(<"$etc/probe.secret"); fi
    text 600 root:root "$etc/probe.nginx" < <(printf '"~^(127\\.0\\.0\\.1|::1) %s$" 1;\n' "$probe")
    if [ -z "$(command -v nginx)" ] || [ ! -d /etc/nginx/conf.d ]; then
        say "There is no nginx here: without the rules of nginx/ a site is open to its visitors while it is switched."
        return
    fi
    if [ "$changed" = no ] && cmp -s nginx/holdfast.conf "$nginx_rules" &&
        cmp -s nginx/holdfast-site.conf "$nginx_snippet"; then return; fi
    step "install $nginx_rules and $nginx_snippet, and have nginx read them" put_nginx
}

# What nginx refuses is taken back: it goes on with what it has, and can be started again.
put_nginx() {
    local one
    for one in "$nginx_rules" "$nginx_snippet"; do
        if [ -e "$one" ]; then cp -p "$one" "$work/"; fi
    done
    put 644 root:root "$nginx_rules" nginx/holdfast.conf
    put 644 root:root "$nginx_snippet" nginx/holdfast-site.conf
    if nginx -t -q; then
        reload_nginx
        return
    fi
    for one in "$nginx_rules" "$nginx_snippet"; do
        rm "$one"
        if [ -e "$work/${one##*/}" ]; then mv "$work/${one##*/}" "$one"; fi
    done
    die "nginx refuses its configuration, as it says above, and keeps the one before: mend it, and run this again"
}

reload_nginx() {
    if systemd_runs && systemctl --quiet is-active nginx; then systemctl reload nginx; fi
}

# Where the earlier scripts were that these take the place of.
link_scripts() {
    local script there=/opt/shophosting/scripts
    if [ "$link_shophosting" = no ]; then return; fi
    folder 755 root:root "$there"
    for script in scripts/customer-*.sh; do
        script=${script##*/}
        if [ -e "$there/$script" ] && [ ! -L "$there/$script" ]; then
            step "keep the earlier $there/$script as $script.before-holdfast" \
                mv -T "$there/$script" "$there/$script.before-holdfast"
        fi
        link "$there/$script" "/opt/holdfast/scripts/$script"
    done
}

# Its password comes with the control database; on a node alone it is brought.
configure_worker() {
    local words
    control_words
    once 640 "root:$worker_user" "$etc/worker.toml" < <(
        example worker.example.toml -e "s|^node = .*|node = \"$node\"|" "${words[@]}"
    )
    if has web; then
        local key
        for key in "$etc"/web/*.pub; do
            if [ -e "$key" ]; then file 644 root:root "$etc/ticket-keys/${key##*/}" "$key"; fi
        done
    fi
    if [ -e "$etc/worker.password" ]; then
        once 400 "$worker_user:$worker_user" "$etc/worker.password" </dev/null
    fi
}

register_node() {
    local schema
    if ! has web; then return; fi
    if [ "$dry_run" = no ] && ! control_is_here; then
        # It says nothing of one that is registered.
        operator node add "$node"
        return
    fi
    schema=$(value schema "$etc/admin.toml")
    if [ -n "$schema" ] && [ -n "$(sql "$schema" <<<"SELECT name FROM nodes WHERE name = '$node'" 2>/dev/null)" ]; then
        return
    fi
    step "register the node $node for the pool default" operator node add "$node"
}
