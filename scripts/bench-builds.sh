# Sourced by `scripts/bench builds`: how long the builds take from nothing, beside those of another
# commit in the same run. What is built is committed: each side is a clone of its own.
# shellcheck shell=bash

# bench_builds <word...>
bench_builds() {
    local against='' json='' before='' now what
    while [ $# -gt 0 ]; do
        case $1 in
        --json) json=yes ;;
        --against)
            case ${2-} in '' | -*) die "--against wants a commit" ;; esac
            against=$(git rev-parse --verify --quiet "$2^{commit}") || die "there is no commit $2"
            shift
            ;;
        *) die "builds takes --against <commit> and --json, not $1" ;;
        esac
        shift
    done
    need_cargo
    scripts/setup gcc libc6-dev git
    folder=$(mktemp -d "${TMPDIR:-/var/tmp}/holdfast-builds.XXXXXX")
    trap 'rm -rf "$folder"' EXIT
    clone now "$(git rev-parse HEAD)"
    if [ -n "$against" ]; then clone before "$against"; fi
    for what in demo release; do
        before=''
        if [ -n "$against" ]; then before=$(build before "$what"); fi
        now=$(build now "$what")
        print_build "$what" "$now" "$before" "${against:0:7}" "$json"
    done
}

# clone <side> <commit>: what its packages come from is fetched beforehand.
clone() {
    git -c init.defaultBranch=main clone --quiet --shared --no-checkout . "$folder/$1"
    git -C "$folder/$1" checkout --quiet --detach "$2"
    (cd "$folder/$1" && cargo fetch --quiet --locked)
}

# build <side> <what>: seconds.
build() {
    local since words
    case $2 in
    demo) words=(-p holdfast-enqueue -p holdfast-executor -p holdfast-worker) ;;
    release) words=(--release --workspace --bins) ;;
    esac
    say "building $2, $1 …"
    since=$(date +%s.%N)
    (cd "$folder/$1" && CARGO_TARGET_DIR=$folder/$1.$2 cargo build --quiet --locked --offline "${words[@]}" >&2) ||
        die "$2 does not build: $1"
    awk -v since="$since" -v now="$(date +%s.%N)" 'BEGIN { printf "%.1f", now - since }'
    rm -rf "${folder:?}/$1.$2"
}

# print_build <what> <seconds> <seconds of the peer> <peer> <json>
print_build() {
    local ratio=''
    if [ -n "$3" ]; then ratio=$(awk -v now="$2" -v before="$3" 'BEGIN { printf "%.2f", now / before }'); fi
    if [ -n "$5" ]; then
        printf '{"name":"build.%s","size":"all","value":%s,"unit":"s"%s}\n' "$1" "$2" \
            "${3:+,\"peer\":\"$4\",\"peer_value\":$3,\"ratio\":$ratio}"
    else
        printf 'build.%s: %s s%s\n' "$1" "$2" "${3:+, $ratio times the $3 s of $4}"
    fi
}
