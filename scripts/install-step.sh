# Sourced by scripts/install: a step is said and done, or in a dry run only said; and the steps that
# most others are made of. What is as it should be is no step.
# shellcheck shell=bash disable=SC2034,SC2119,SC2120,SC2154  # The files share their variables and functions.

changes=0
# Whether the last `file`, `text` or `folder` was a step.
changed=no
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# step <what> <command> [argument...]
step() {
    changes=$((changes + 1))
    changed=yes
    if [ "$dry_run" = yes ]; then
        say "would $1"
        return
    fi
    say "$1"
    "${@:2}"
}

tell_changes() {
    if [ "$changes" -eq 0 ]; then
        say "Nothing had to be changed."
    elif [ "$dry_run" = yes ]; then
        say "Nothing was changed: this was a dry run."
    fi
}

# is <mode> <owner:group> <path>: whether it belongs to them so.
is() {
    [ "$(stat -c '%a %U:%G' "$3" 2>/dev/null)" = "$1 $2" ]
}

# folder <mode> <owner:group> <path>
folder() {
    changed=no
    if [ -d "$3" ] && is "$1" "$2" "$3"; then return; fi
    step "make the folder $3 ($1 $2)" install -d -m "$1" -o "${2%:*}" -g "${2#*:}" "$3"
}

# file <mode> <owner:group> <path> <source>
file() {
    changed=no
    if [ -f "$3" ] && is "$1" "$2" "$3" && cmp -s "$4" "$3"; then return; fi
    step "install $3 ($1 $2)" put "$@"
}

# Whole or not at all, so that what is started meanwhile is the old one or the new one.
put() {
    mkdir -p "$(dirname "$3")"
    install -m "$1" -o "${2%:*}" -g "${2#*:}" "$4" "$3.new"
    mv -fT "$3.new" "$3"
}

# text <mode> <owner:group> <path>: what comes on stdin.
text() {
    (umask 077 && cat >"$work/text")
    file "$@" "$work/text"
}

# once <mode> <owner:group> <path>: what comes on stdin, unless there is one, which keeps its content.
once() {
    changed=no
    if [ ! -e "$3" ]; then
        text "$@"
    elif ! is "$1" "$2" "$3"; then
        step "set mode and owner of $3 ($1 $2)" own "$@"
    fi
}

own() {
    chown "$2" "$3"
    chmod "$1" "$3"
}

# link <path> <target>
link() {
    if [ "$(readlink "$1")" = "$2" ]; then return; fi
    step "link $1 to $2" ln -sfnT "$2" "$1"
}

# gone <path...>: files, links and folders with all that is in them.
gone() {
    local path
    for path in "$@"; do
        if [ -e "$path" ] || [ -L "$path" ]; then step "remove $path" rm -rf "$path"; fi
    done
}

# system_user <name>
system_user() {
    if getent passwd "$1" >/dev/null; then return; fi
    step "make the user $1, without login" \
        useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$1"
}

# 48 characters that nobody guesses.
secret() {
    od -An -v -tx1 -N24 /dev/urandom | tr -d ' \n'
    echo
}

# sql [schema]: statements on stdin, since anybody can read a command line, as root of this machine.
sql() {
    mariadb --batch --skip-column-names "$@"
}

server_answers() {
    [ -n "$(command -v mariadb)" ] && sql <<<'SELECT 1' >/dev/null 2>&1
}

# account <name> <file with the password>: makes it, or gives it that password.
account() {
    local password
    password=$(<"$2")
    password=${password//\\/\\\\}
    sql <<SQL
CREATE USER IF NOT EXISTS $1@localhost;
ALTER USER $1@localhost IDENTIFIED BY '${password//\'/\'\'}';
SQL
}

systemd_runs() {
    [ -d /run/systemd/system ]
}
