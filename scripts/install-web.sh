# Sourced by scripts/install: the web side, and the control database that it shares with the workers.
# shellcheck shell=bash disable=SC2034,SC2119,SC2154  # The files share their variables and functions.

# Root's, as all that is in it: the unit hands it to the web side and to nobody else.
make_web_secrets() {
    local name
    name=web-$(date +%Y)
    folder 700 root:root "$etc/web"
    if ! compgen -G "$etc/web/*.key" >/dev/null; then
        step "make the key that signs orders ($etc/web/$name.key)" make_key "$name"
    fi
    once 600 root:root "$etc/web/tokens.secret" < <(secret)
}

make_key() {
    (umask 077 && "$bin/holdfast-enqueue" keygen "$1" --folder "$etc/web" >/dev/null)
}

# Schema, accounts and their passwords once; tables and rights as this version has them each time.
make_control_database() {
    if [ ! -e "$etc/admin.toml" ]; then
        if [ "$dry_run" = no ] && ! server_answers; then
            die "there is no MariaDB here that root may ask: for one elsewhere make its accounts as migrations/README.md says, write $etc/admin.toml, and run this again"
        fi
        step "make the schema holdfast and the accounts holdfast_admin, holdfast_web and holdfast_worker" make_accounts
    fi
    if [ "$dry_run" = yes ]; then return; fi
    operator migrate
    give_rights
}

make_accounts() {
    sql <<<'CREATE DATABASE IF NOT EXISTS holdfast CHARACTER SET utf8mb4'
    local one
    for one in admin.password web/web.password worker.password; do
        once 600 root:root "$etc/$one" < <(secret)
    done
    account holdfast_admin "$etc/admin.password"
    account holdfast_web "$etc/web/web.password"
    account holdfast_worker "$etc/worker.password"
    sql <<'SQL'
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES ON holdfast.*
  TO holdfast_admin@localhost;
SQL
    # The last, since it says that all of this is done.
    text 600 root:root "$etc/admin.toml" <<TOML
# The operator's account: for \`holdfast-enqueue --config $etc/admin.toml migrate\`, \`node\` and \`customer\`.
[database]
user = "holdfast_admin"
password_file = "$etc/admin.password"
schema = "holdfast"
socket = "$(sql <<<'SELECT @@socket')"
TOML
}

# operator <word...>: holdfast-enqueue with the operator's account.
operator() {
    "$bin/holdfast-enqueue" --config "$etc/admin.toml" "$@" >"$work/operator" 2>&1 || {
        cat "$work/operator" >&2
        die "holdfast-enqueue $1 fails, as it says above"
    }
}

# As somebody who may grant, which is root on the server's own machine.
give_rights() {
    if control_is_here; then
        sql "$(value schema "$etc/admin.toml")" <migrations/grants.sql
    else
        say "The rights of migrations/grants.sql are to be given by somebody who may, on the server's own machine."
    fi
}

configure_web() {
    local key words
    control_words
    key=$(compgen -G "$etc/web/*.key" | sort | tail -n 1 || true)
    once 640 "root:$web_user" "$etc/enqueue.toml" < <(
        example enqueue.example.toml ${key:+-e "s|^signing_key_file = .*|signing_key_file = \"$key\"|"} \
            "${words[@]}"
    )
}
