# Sourced by the demo: the made-up world. A MariaDB, a Docker engine if one can be started, a shop in
# it, a neighbour; all in one folder, and how it ends.
# shellcheck shell=bash disable=SC2034,SC2154  # The demo's files share their variables.

world='' server='' engine='' containerd=''
question='SELECT COUNT(*), SUM(orders), SUM(total) FROM best_customers'

make_world() {
    # On disk, where sites are; the way there is root's.
    world=$(mktemp -d /var/tmp/holdfast-demo.XXXXXX)
    chmod 0755 "$world"
    mkdir "$world"/{log,customers}
    base=$world/customers/customer-42
    shop=$base/public
    socket=$world/database/server.sock
    port=$((20000 + RANDOM % 10000))
    start_server
    make_shop
    make_database
    make_neighbour
    list_site 42 >"$world/shop.list"
    good_answer=$(as_site <<<"$question")
    list_site 43 >"$world/neighbour.list"
    start_engine
}

end_world() {
    local one
    end_engine
    end_process "$server"
    # What was started in the very moment in which the end came.
    for one in $(jobs -p); do end_process "$one"; done
    if [ -n "$world" ]; then rm -rf --one-file-system "$world"; fi
}

# end_process <pid>: asks it to end, and waits until it has.
end_process() {
    if [ -n "$1" ]; then
        kill "$1" 2>/dev/null || true
        wait "$1" || true
    fi
}

# A MariaDB of our own, without network: the machine's own, if there is one, is left alone. Like every
# server here it is in a session of its own: a Ctrl-C is for the demo, which ends them in order.
start_server() {
    local tables=(--innodb-log-file-size=8M --innodb-data-file-path=ibdata1:10M:autoextend)
    mkdir -p "$world/database/tmp"
    # By force: else it wants the machine's name to be known to the network.
    mariadb-install-db --no-defaults --user=root --datadir="$world/database/data" "${tables[@]}" \
        --force --skip-test-db --skip-name-resolve --auth-root-authentication-method=socket \
        --auth-root-socket-user=root >"$world/log/mariadb" 2>&1 || give_up 'MariaDB makes no database'
    setsid mariadbd --no-defaults --user=root --datadir="$world/database/data" --socket="$socket" \
        --pid-file="$world/database/pid" --tmpdir="$world/database/tmp" "${tables[@]}" \
        --skip-networking --skip-name-resolve --performance-schema=OFF \
        --innodb-buffer-pool-size=32M </dev/null >>"$world/log/mariadb" 2>&1 &
    server=$!
    eventually 'MariaDB answers' answers "$server" mariadb --no-defaults --socket="$socket" --execute='SELECT 1'
}

# answers <pid> <command...>: whether the command succeeds; a server that is gone ends the demo.
answers() {
    kill -0 "$1" 2>/dev/null || give_up 'a server has ended by itself'
    "${@:2}" >/dev/null 2>&1
}

# A Docker engine of our own, without a network, and the shop in a container of it.
start_engine() {
    local folder=$world/engine root=$world/engine/image
    mkdir -p "$root"/{bin,site,tmp}
    printf '{}' >"$folder/daemon.json"
    cat >"$folder/containerd.toml" <<CONFIG
version = 2
root = "$folder/containerd"
state = "$folder/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "$folder/containerd.sock"
CONFIG
    setsid containerd --config "$folder/containerd.toml" >"$world/log/containerd" 2>&1 </dev/null &
    containerd=$!
    setsid dockerd --config-file="$folder/daemon.json" --host="unix://$folder/docker.sock" \
        --containerd="$folder/containerd.sock" --data-root="$folder/data" --exec-root="$folder/exec" \
        --pidfile="$folder/pid" --iptables=false --ip6tables=false --ip-forward=false --bridge=none \
        --storage-driver=vfs >"$world/log/dockerd" 2>&1 </dev/null &
    engine=$!
    export DOCKER_HOST=unix://$folder/docker.sock
    for _ in {1..300}; do
        if docker version >/dev/null 2>&1; then break; fi
        kill -0 "$engine" 2>/dev/null || break
        sleep 0.1
    done
    cp /bin/busybox "$root/bin/"
    ln -s busybox "$root/bin/sh"
    # The web server's first process ends when it is asked to, as an image for compose should.
    if ! tar -C "$root" -c . | docker import - shop >/dev/null 2>&1 ||
        ! docker run --detach --name shop --network=host --volume="$shop:/site" \
            --label=com.docker.compose.project=customer-42 shop sh -c \
            "trap 'exit 0' TERM; busybox httpd -f -p 127.0.0.1:$port -h /site & wait" >/dev/null 2>&1; then
        end_engine
    fi
}

end_engine() {
    if [ -n "$engine" ]; then
        docker rm --force shop >/dev/null 2>&1 || true
        end_process "$engine"
        # What it leaves mounted: its network, and data if it did not end by itself.
        awk -v folder="$world/engine/" 'index($2, folder) == 1 { print $2 }' /proc/mounts |
            while read -r mount; do umount --lazy "$mount" || true; done
    fi
    end_process "$containerd"
    engine='' containerd=''
}

# As the server's root, statements on stdin.
sql() {
    mariadb --no-defaults --socket="$socket" --batch --skip-column-names --comments \
        --default-character-set=utf8mb4
}

# The same as the site itself, in its schema.
as_site() {
    mariadb --defaults-file="$world/site.cnf" --batch --skip-column-names --comments \
        --default-character-set=utf8mb4 customer_42
}

# 3,000 files in 150 folders, 60 MB, owned by the web server's user.
make_shop() {
    local number category
    mkdir -p "$shop/config" "$shop/themes/plain"
    printf '<?php // The shop.\nrequire "config/shop.php";\n' >"$shop/index.php"
    printf '<?php // Nobody else may read this.\n' >"$shop/config/shop.php"
    chmod 0640 "$shop/config/shop.php"
    ln -s plain "$shop/themes/current"
    for number in {01..30}; do
        category=$shop/catalog/category-$number
        pieces 80 1500 "$category/products/product" .json
        pieces 15 16000 "$category/images/small/image" .jpg
        pieces 5 324000 "$category/images/large/image" .jpg
    done
    ln "$shop/catalog/category-30/products/product00.json" "$shop/catalog/featured.json"
    find "$shop/catalog" -name '*.jpg' -exec touch -d '2023-04-05 06:07:08.123456789' {} +
    chown -R 33:33 "$shop"
    chmod 2775 "$shop/catalog"
}

# pieces <number> <bytes of each> <beginning of the name> <end of the name>
pieces() {
    mkdir -p "${3%/*}"
    head -c "$(($1 * $2))" /dev/urandom | split -b "$2" -d --additional-suffix="$4" - "$3"
}

make_database() {
    local password
    password=$(new_password)
    (umask 077 && printf '[client]\nsocket=%s\nuser=customer_42\npassword="%s"\n' "$socket" "$password" \
        >"$world/site.cnf")
    sql <<SQL
CREATE DATABASE customer_42 CHARACTER SET utf8mb4;
CREATE USER customer_42@localhost IDENTIFIED BY '$password', report_42@localhost;
GRANT ALL ON \`customer\\_42\`.* TO customer_42@localhost;
SQL
    as_site <scripts/demo-shop.sql
    sql <<<'GRANT EXECUTE ON PROCEDURE customer_42.forget_customer TO report_42@localhost'
}

make_neighbour() {
    local neighbour=$world/customers/customer-43/public
    mkdir -p "$neighbour"
    printf '<?php // Another shop.\n' >"$neighbour/index.php"
    chown -R 33:33 "$neighbour"
    sql <<SQL
CREATE DATABASE customer_43;
CREATE TABLE customer_43.orders SELECT 1 AS id;
CREATE USER customer_43@localhost IDENTIFIED BY '$(new_password)';
GRANT ALL ON \`customer\\_43\`.* TO customer_43@localhost;
SQL
}

new_password() {
    head -c 24 /dev/urandom | base64
}
