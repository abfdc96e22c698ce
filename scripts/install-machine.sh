# Sourced by scripts/install: what every machine gets, whatever its role: packages, programs, users.
# shellcheck shell=bash disable=SC2034,SC2119,SC2154  # The files share their variables and functions.

bin=/opt/holdfast/bin
etc=/etc/holdfast
web_user=holdfast-web
worker_user=holdfast

check_machine() {
    local ID='' VERSION_ID=''
    # shellcheck source=/dev/null
    source /etc/os-release
    # Testing has no number.
    if [ "$ID" != debian ] || [ "${VERSION_ID:-99}" -lt 12 ]; then
        die "this is not Debian 12 or newer"
    fi
    local program
    for program in "${programs[@]}"; do
        if [ "$dry_run" = no ] && [ ! -x "$from/$program" ]; then
            die "there is no $program in $from: build it as yourself, \`cargo build --release --locked\`, or say --from"
        fi
    done
    restic=$(find_restic)
}

# A restic whose restores can be believed: the one that comes with the programs, ours, the machine's.
find_restic() {
    local one said
    for one in "$from/restic" .tools/bin/restic "$bin/restic" /usr/bin/restic; do
        said=$("$one" version 2>/dev/null) || continue
        [[ $said =~ ^restic\ ([0-9]+)\.([0-9]+) ]] || continue
        if ((BASH_REMATCH[1] > 0 || BASH_REMATCH[2] >= 18)); then
            readlink -f "$one"
            return
        fi
    done
    if [ "$dry_run" = yes ]; then return; fi
    die "there is no restic of 0.18 or newer: \`scripts/setup\` fetches one, or put it into $from"
}

# The packages that the roles need. The servers may be elsewhere, if the configuration says so.
packages() {
    echo mariadb-client curl
    if has node; then echo acl sudo util-linux; fi
    if has web; then
        if [ ! -e "$etc/admin.toml" ]; then echo mariadb-server; fi
        if [ ! -e "$etc/enqueue.toml" ]; then echo redis-server; fi
    fi
}

install_packages() {
    local package missing=()
    for package in $(packages); do
        # What another package provides is there as well.
        case $package in
        mariadb-client) [ -x /usr/bin/mariadb ] && continue ;;
        mariadb-server) server_answers && continue ;;
        redis-server) [ -x /usr/bin/redis-server ] && continue ;;
        esac
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
            missing+=("$package")
    done
    if [ ${#missing[@]} -eq 0 ]; then return; fi
    if [ "$offline" = yes ]; then
        say "Missing here: apt-get install --no-install-recommends ${missing[*]}"
        # Without it the users can read of the sites what their modes allow to all, and no more.
        if [ "${missing[*]}" = acl ] || [ "$dry_run" = yes ]; then return; fi
        die "nothing was changed: install these first"
    fi
    step "install the packages ${missing[*]}" apt_install "${missing[@]}"
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 update </dev/null ||
        say "apt-get update was not wholly successful; trying all the same."
    DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 install -y \
        --no-install-recommends "$@" </dev/null >/dev/null
}

install_programs() {
    local program
    folder 755 root:root /opt/holdfast
    folder 755 root:root "$bin"
    folder 755 root:root "$etc"
    for program in "${programs[@]}"; do
        file 755 root:root "$bin/$program" "$from/$program"
    done
    if [ "$restic" != "$bin/restic" ]; then file 755 root:root "$bin/restic" "$restic"; fi
    link /usr/local/bin/holdfast "$bin/holdfast"
    # What the command says of itself can be had when it is there.
    if [ ! -x "$from/holdfast" ]; then return; fi
    "$from/holdfast" man --folder "$work/man" >/dev/null 2>&1
    if ! same_pages; then
        step "install the manual pages of the command holdfast" \
            install -D -m 644 -t /usr/local/share/man/man1 "$work"/man/*
    fi
    text 644 root:root /usr/local/share/bash-completion/completions/holdfast \
        < <("$from/holdfast" completions bash)
}

same_pages() {
    local page
    for page in "$work"/man/*; do
        cmp -s "$page" "/usr/local/share/man/man1/${page##*/}" || return 1
    done
}

# Each half has a user of its own, and neither may look into the sites.
make_web_user() {
    system_user "$web_user"
    keep_log enqueue.log "$web_user"
}

make_worker_user() {
    system_user "$worker_user"
    keep_log worker.log "$worker_user"
}

# keep_log <name> <user>: a file of logs that an earlier installation has left is its user's again.
keep_log() {
    if [ -e "/var/log/holdfast/$1" ]; then once 640 "$2:adm" "/var/log/holdfast/$1" </dev/null; fi
}

# example <file>: an example of docs/, with its words for this machine put in, by sed's commands.
example() {
    sed -E -e '' "${@:2}" "docs/$1"
}

# Sets `words`, for an example: where the control database is, as the operator's account has it.
control_words() {
    local key line
    words=()
    for key in schema socket host port; do
        line=$(sed -nE "/^$key = /{p;q}" "$etc/admin.toml" 2>/dev/null || true)
        if [ -n "$line" ]; then words+=(-e "s|^(# )?$key = .*|$line|"); fi
    done
}

# Whether root of this machine may ask the control database.
control_is_here() {
    case $(value host "$etc/admin.toml") in
    '' | 127.0.0.1 | ::1 | localhost) server_answers ;;
    *) false ;;
    esac
}

# value <key> <file>: the first value of this key.
value() {
    if [ -r "$2" ]; then sed -nE "/^$1 = \"/{s/[^\"]*\"([^\"]*)\".*/\1/p;q}" "$2"; fi
}

