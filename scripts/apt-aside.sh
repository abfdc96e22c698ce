# Sourced by setup and mariadb-releases: packages of another Debian release, through this machine's own
# apt sources, with lists and a cache of their own. They are unpacked into .tools, never installed.
# shellcheck shell=bash

# copy_sources <suites> <suite> <folder>: the main archive's source, in either of apt's two forms,
# for another suite. URIs and keys stay as this machine has them.
copy_sources() {
    local main=$1 suite=$2 folder=$3
    local deb822=/etc/apt/sources.list.d/debian.sources lines=/etc/apt/sources.list
    if [ -f "$deb822" ]; then
        awk -v main="$main" -v suite="$suite" '
            BEGIN { RS = ""; FS = "\n" }
            {
                wanted = 0
                stanza = ""
                for (i = 1; i <= NF; i++) {
                    line = $i
                    if (line ~ /^Suites:/) {
                        wanted = line ~ ("[ \t:]" main "([ \t]|$)")
                        line = "Suites: " suite
                    }
                    if (line ~ /^Types:/) line = "Types: deb"
                    stanza = stanza line "\n"
                }
                if (wanted) print stanza
            }' "$deb822" >"$folder/debian.sources"
    fi
    if [ -f "$lines" ]; then
        sed -nE "s/^deb[[:space:]]+((\[[^]]*\][[:space:]]+)?[^[:space:]]+)[[:space:]]+${main}[[:space:]]+(.*)/deb \1 $suite \4/p" \
            "$lines" >"$folder/lines.list"
    fi
}

# write_apt_conf <folder>: nothing of the machine's own apt is written, and its pins and hooks, made
# for its own release, do not count. Its proxies and credentials do.
write_apt_conf() {
    cat >"$1/apt.conf" <<CONF
#clear APT::Update;
#clear APT::Default-Release;
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$1/sources";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State::Lists "$1/lists";
Dir::Cache "$1/cache";
CONF
}
