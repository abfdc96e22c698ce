# Sourced by the demo: Holdfast, set up as the README says, in the demo's folder: the node, the web
# side, two workers; how they are asked, and how they end.
# shellcheck shell=bash disable=SC2034,SC2154  # The demo's files share their variables.

redis='' web='' workers=() address=''
# Two users that every Debian has, and neither is root.
web_user=daemon worker_user=nobody

# install_holdfast <folder of the programs>
install_holdfast() {
    repository=$world/backups/customer-42
    redis_socket=$world/redis/socket
    rules=$world/sudoers.d
    mkdir -p "$world"/{bin,etc/ticket-keys,backups}
    # Copies, since the way to what root runs must be root's, and a checkout is anybody's.
    install -m 0755 "$1"/holdfast-{enqueue,executor,worker} .tools/bin/restic "$world/bin/"
    make_node
    make_rules
    make_control_database
    start_redis
    start_web
    start_worker 1
    start_worker 2
}

end_holdfast() {
    local one
    # Both are asked, then waited for.
    for one in "${workers[@]}"; do kill "$one" 2>/dev/null || true; done
    for one in "${workers[@]}"; do end_process "$one"; done
    # Who kills a worker while all is up leaves an executor behind. It puts everything back, or finishes
    # a switch; then its customer's lock is free.
    for one in "$world"/state/locks/*.lock; do
        if [ -e "$one" ]; then flock --wait 90 "$one" true; fi
    done
    for one in "$web" "$redis"; do end_process "$one"; done
}

# as <user> <command...>, which becomes that command.
as() {
    exec setpriv --reuid="$1" --regid=nogroup --clear-groups "${@:2}"
}

# The node: what root-owned configuration says of it.
make_node() {
    local password
    (umask 077 && head -c 48 /dev/urandom | base64 >"$world/etc/master.secret")
    # An account with no more rights than the README says.
    password=$(new_password)
    (umask 077 && printf 'user = "holdfast"\npassword = "%s"\n' "$password" >"$world/etc/mariadb.toml")
    sql <<<"CREATE USER holdfast@localhost IDENTIFIED BY '$password'"
    sql <docs/mariadb-account.sql
    cat >"$world/etc/executor.toml" <<CONFIG
version = 1

[node]
name = "demo"
state = "$world/state"
cache = "$world/cache"
customers = "$world/customers"
restic = "$world/bin/restic"
docker_socket = "$world/engine/docker.sock"
master_secret_file = "$world/etc/master.secret"
worker_user = "$worker_user"
ticket_keys = "$world/etc/ticket-keys"

[site]
base = "$world/customers/customer-{id}"
# The shop is small, and so may the disk be.
undo_min_free = 67108864
reserve = 67108864

[[site.files]]
id = "web"
name = "Website"
path = "$world/customers/customer-{id}/public"

[[site.databases]]
id = "main"
name = "Shop"
socket = "$socket"
credentials_file = "$world/etc/mariadb.toml"

[repositories.manual]
url = "$world/backups/customer-{id}"
CONFIG
}

# What the workers' user may start as root. The machine's own rules are left alone: a worker sees these
# in their place, and nobody else does.
make_rules() {
    mkdir "$rules"
    sed -e "s|/opt/holdfast/bin/holdfast-executor|& --config $world/etc|" \
        -e "s|/opt/holdfast/bin|$world/bin|; s|^holdfast |$worker_user |" sudoers/holdfast >"$rules/holdfast"
    chmod 0440 "$rules/holdfast"
    visudo --check --quiet --file="$rules/holdfast"
}

# The schema of the control plane, beside the shops' own; an account each for the operator, the web side
# and the workers.
make_control_database() {
    local name
    install -d -m 0750 -o root -g root "$world/admin"
    install -d -m 0750 -o "$web_user" -g root "$world/web"
    install -d -m 0750 -o "$worker_user" -g root "$world/worker"
    sql <<'SQL'
CREATE DATABASE control CHARACTER SET utf8mb4;
-- The host's own table.
CREATE TABLE control.customers (id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(255));
INSERT INTO control.customers (id, email) VALUES (42, 'shop@example.org'), (43, 'other@example.org');
SQL
    for name in admin web worker; do
        new_password >"$world/$name/password"
        chown --reference="$world/$name" "$world/$name/password"
        chmod 0400 "$world/$name/password"
        sql <<<"CREATE USER holdfast_$name@localhost IDENTIFIED BY '$(<"$world/$name/password")'"
        control_database "$name" >"$world/$name/config.toml"
    done
    sql <<'SQL'
GRANT SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, ALTER, INDEX, REFERENCES ON control.*
  TO holdfast_admin@localhost;
SQL
    operator migrate
    sql < <(echo 'USE control;' && cat migrations/grants.sql)
    operator node add demo
    operator customer add 42 --external-id shop-42
    operator customer add 43 --external-id shop-43
}

# control_database <account>
control_database() {
    cat <<CONFIG
[database]
socket = "$socket"
schema = "control"
user = "holdfast_$1"
password_file = "$world/$1/password"
CONFIG
}

# operator <word...>: `holdfast-enqueue`, with the operator's account.
operator() {
    "$world/bin/holdfast-enqueue" --config "$world/admin/config.toml" "$@" >>"$world/log/operator" 2>&1 ||
        give_up "holdfast-enqueue $1 fails"
}

start_redis() {
    # For the web side and the workers: the one is its owner, the others are in its group.
    install -d -m 0750 -o "$web_user" -g nogroup "$world/redis"
    as "$web_user" setsid redis-server --port 0 --unixsocket "$redis_socket" --unixsocketperm 770 \
        --dir "$world/redis" --save '' --appendonly no </dev/null >"$world/log/redis" 2>&1 &
    redis=$!
    eventually 'Redis answers' answers "$redis" redis-cli -s "$redis_socket" ping
}

start_web() {
    local customer
    (as "$web_user" "$world/bin/holdfast-enqueue" keygen demo --folder "$world/web") >>"$world/log/operator"
    install -m 0644 "$world/web/demo.pub" "$world/etc/ticket-keys/"
    # Tokens would come from the host's own login. Here the secret that checks them makes them too.
    (umask 077 && head -c 48 /dev/urandom | base64 >"$world/web/tokens.secret")
    chown "$web_user" "$world/web/tokens.secret"
    cat - "$world/web/config.toml" >"$world/web/enqueue.toml" <<CONFIG
listen = "127.0.0.1:0"
redis = "redis+unix://$redis_socket"
signing_key_file = "$world/web/demo.key"
plan_every_seconds = 1

[dashboard]
name = "The shop's host"
time_zone = "$(time_zone)"
# A browser on this machine is served without TLS.
plain_http = true

[tokens]
algorithm = "HS256"
key_file = "$world/web/tokens.secret"
issuer = "demo"
audience = "holdfast"

CONFIG
    as "$web_user" setsid "$world/bin/holdfast-enqueue" --config "$world/web/enqueue.toml" run \
        </dev/null >"$world/log/web" 2>&1 &
    web=$!
    eventually 'the web side is ready' answers "$web" grep '"ready"' "$world/log/web"
    address=http://$(field --raw-input 'fromjson? | select(.message == "ready") | .address' "$world/log/web")
    (umask 077 && printf 'header = "Authorization: Bearer %s"\n' "$("$world/bin/holdfast-enqueue" --config \
        "$world/web/enqueue.toml" token --user demo --operator --seconds 864000)" >"$world/web/curl-operator")
    for customer in 42 43; do
        (umask 077 && "$world/bin/holdfast-enqueue" --config "$world/web/enqueue.toml" token \
            --user "owner-$customer" --customer "shop-$customer" --seconds 86400 >"$world/web/token-$customer")
        # In a file, since anybody can read a command line.
        (umask 077 && printf 'header = "Authorization: Bearer %s"\n' "$(<"$world/web/token-$customer")" \
            >"$world/web/curl-$customer")
    done
}

# The zone of this machine, by its name.
time_zone() {
    local zone
    zone=$(readlink -f /etc/localtime | sed -n 's|.*/zoneinfo/||p')
    printf '%s' "${zone:-UTC}"
}

# login_link: a link that opens the shop's pages, once and for a minute.
login_link() {
    curl --silent --show-error --fail --max-time 20 --noproxy '*' --config "$world/web/curl-operator" \
        --json '{"customer":"shop-42","subject":"owner-42"}' "$address/api/v1/login-links" | field .url
}

# browse <words for curl...>: as a browser that has logged in, or logs in.
browse() {
    curl --silent --show-error --fail --max-time 20 --noproxy '*' --cookie "$world/web/cookies" \
        --cookie-jar "$world/web/cookies" "$@"
}

# start_worker <number>
start_worker() {
    local log=$world/log/worker-$1
    cat - "$world/worker/config.toml" >"$world/worker/worker.toml" <<CONFIG
node = "demo"
slots = 1
redis = "redis+unix://$redis_socket"
executor = ["/usr/bin/sudo", "-n", "$world/bin/holdfast-executor", "--config", "$world/etc"]
# Whoever ends the demo does not want to wait for a backup.
grace_seconds = 1

CONFIG
    as_worker "$world/bin/holdfast-worker" --config "$world/worker/worker.toml" run \
        </dev/null >"$log" 2>&1 &
    workers+=($!)
    eventually "worker $1 is ready" answers "${workers[-1]}" grep '"ready"' "$log"
}

# as_worker <command...>, which becomes that command, where the workers' rules of sudo are in force.
as_worker() {
    # shellcheck disable=SC2016
    exec setsid unshare --mount sh -c 'mount --bind "$0" /etc/sudoers.d && exec "$@"' "$rules" \
        setpriv --reuid="$worker_user" --regid=nogroup --clear-groups "$@"
}

# ask <customer> <method> <path> [body]: as that customer's owner, below their own address unless the
# path begins with /api. Sets `code` and `answer`.
ask() {
    local path=$3 more=()
    if [[ $path != /api/* ]]; then path=/api/v1/customers/shop-$1$path; fi
    if [ -n "${4-}" ]; then more=(--header 'Content-Type: application/json' --data "$4"); fi
    answer=$(curl --silent --show-error --max-time 20 --noproxy '*' \
        --config "$world/web/curl-$1" --request "$2" --write-out '\n%{http_code}' "${more[@]}" \
        "$address$path")
    code=${answer##*$'\n'} answer=${answer%$'\n'*}
}

# field <words for jq...>: of the JSON on stdin.
field() {
    jq --raw-output "$@"
}
