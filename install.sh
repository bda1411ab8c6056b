#!/bin/sh
# Installs Countersign on a Git server. `./install.sh --help` says how.
set -eu
umask 022

usage() {
    cat <<'TEXT'
Installs Countersign's hook in bare repositories.

usage: ./install.sh --server KIND --repos DIR [options]

  --server KIND       plain: git behind sshd, a web server or git-daemon; http: the same, and the policy believes the
                      web server who pushes; gitolite, gitea, forgejo, gitlab
  --repos DIR         a bare repository, or a folder: every bare repository below it, at any depth
  --prefix DIR        the program goes to DIR/bin                     [default: /usr/local]
  --config DIR        policy.toml and registry/ are in DIR            [default: /etc/countersign]
  --binary FILE       the program to install         [default: target/release/countersign beside this script]
  --allow-group NAME  a group that may write policy and registry; may be given several times
  --ledger DIR        where decisions are recorded               [default: /var/lib/countersign]
  --log FILE          where the hook logs: a file, or `journald`  [default: nowhere]
  --deadline TIME     by when the hook refuses what it has not decided, less than a proxy waits   [default: 50s]
  --warn-until DATE   a day such as 2027-01-31: the policy that is installed refuses from then on [default: only warns]
  --no-timer          nothing looks after the hooks every ten minutes
  --dry-run           say what would be done and change nothing
  --uninstall         remove hooks and timer, and put former hooks back; policy, registry, ledger and program stay

  plain:    --template DIR      a git template folder: what is made with `git init --template DIR` has the hook at once
  gitolite: --local-code DIR    where one hook is put for all   [default: what `gitolite query-rc LOCAL_CODE` says]
            --vref              as DIR/VREF/countersign, for gitolite.conf to name, in place of the common hook
  gitlab:   --custom-hooks DIR  Gitaly's `custom_hooks_dir`: one hook for all       [default: one in each repository]

Running it again changes only what is not as it should be, and upgrades the program in place: the former one is put back
if the new one cannot decide. What was given before need not be given again: DIR/installed.toml of the configuration has it.
A policy that is there is never changed; otherwise one is installed that warns and refuses nothing. A pre-receive hook that
is there is kept, and runs after Countersign's: both must accept. What repositories hold of which nothing is recorded is
declared received. With another --config than the default, the hook reads that policy alone; with the default, also
countersign/policy.toml in each repository.

Exit status: 0 done or nothing to do, 1 something was refused or failed, 2 usage.
TEXT
}

default_config=/etc/countersign
default_ledger=/var/lib/countersign
systemd=/run/systemd/system
units=/etc/systemd/system
packaged_units=/usr/lib/systemd/system
newline='
'

main() {
    here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
    server='' repos='' prefix='' config=$default_config ledger='' binary='' groups='' group_list='' log='' deadline='' template=''
    local_code='' custom_hooks='' vref=no warn_until='' timer=yes dry_run=no action=install
    read_arguments "$@"
    # What the caller's shell says of some repository is not about these.
    unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_COMMON_DIR GIT_CONFIG GIT_NAMESPACE
    changed=0
    temporary='' folder=''
    trap 'clean_up' EXIT
    trap 'exit 1' HUP INT TERM
    check_arguments
    find_binary
    compose_manifest
    if [ "$action" = uninstall ]; then
        uninstall
        exit 0
    fi
    probe "$binary" repositories || stop "$repos: no bare repository is there"
    install_program
    install_policy
    install_ledger
    check_upgrade
    install_manifest
    install_timer
    install_hooks
}

# --- arguments ---

read_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
        --server | --repos | --prefix | --config | --ledger | --binary | --allow-group | --log | --deadline | --warn-until | \
            --template | --local-code | --custom-hooks)
            case ${2:-} in '' | --*) misused "$1 needs a value" ;; esac
            case $1 in
            --server) server=$2 ;;
            --repos) repos=$2 ;;
            --prefix) prefix=$2 ;;
            --config) config=$2 ;;
            --ledger) ledger=$2 ;;
            --binary) binary=$2 ;;
            --allow-group) add_group "$2" ;;
            --log) log=$2 ;;
            --deadline) deadline=$2 ;;
            --warn-until) warn_until=$2 ;;
            --template) template=$2 ;;
            --local-code) local_code=$2 ;;
            --custom-hooks) custom_hooks=$2 ;;
            esac
            shift 2
            ;;
        --vref) vref=yes && shift ;;
        --no-timer) timer=no && shift ;;
        --dry-run) dry_run=yes && shift ;;
        --uninstall) action=uninstall && shift ;;
        --help | -h) usage && exit 0 ;;
        *) misused "unknown argument: $1" ;;
        esac
    done
}

add_group() {
    groups="$groups --allow-group $(quoted "$1")"
    group_list="$group_list$(toml "$1"), "
}

check_arguments() {
    config=$(absolute "$config" && echo .) && config=${config%?.}
    manifest=$config/installed.toml
    read_manifest
    case $server in
    plain | http | gitolite | gitea | forgejo | gitlab) ;;
    '') misused "--server is missing" ;;
    *) misused "unknown server: $server (there are: plain, http, gitolite, gitea, forgejo, gitlab)" ;;
    esac
    if [ -n "$former_server" ] && [ "$former_server" != "$server" ]; then
        stop "$manifest is of an installation on $former_server" \
            "uninstall that first, or give this one a --config of its own"
    fi
    [ -n "$repos" ] || misused "--repos is missing"
    belongs template "$template" plain http
    belongs local-code "$local_code" gitolite
    belongs vref "${vref#no}" gitolite
    belongs custom-hooks "$custom_hooks" gitlab
    check_date
    number=${deadline%s} && number=${number%m}
    case $deadline:$number in
    :) ;;
    *: | *:*[!0-9]*) misused "--deadline takes a number and a unit, such as 20s" ;;
    esac
    [ -d "$repos" ] || stop "$repos: no such folder"
    command -v git >/dev/null || stop "git is not installed"
    find_prefix
    repos=$(absolute "$repos" && echo .) && repos=${repos%?.}
    ledger=$(absolute "${ledger:-$default_ledger}" && echo .) && ledger=${ledger%?.}
    case $ledger in *[\\\"]*) stop "$ledger: quotation marks and backslashes cannot be in the ledger's path" ;; esac
    program=$prefix/bin/countersign
    policy=$config/policy.toml
    # The hook runs in each repository.
    case $log in '' | journald) ;; *) log=$(absolute "$log" && echo .) && log=${log%?.} ;; esac
    if [ -n "$template" ]; then template=$(absolute "$template" && echo .) && template=${template%?.}; fi
    if [ -n "$custom_hooks" ]; then custom_hooks=$(absolute "$custom_hooks" && echo .) && custom_hooks=${custom_hooks%?.}; fi
    find_owner
    if [ "$server" = gitolite ]; then find_local_code; fi
}

# An option of some servers only.
belongs() {
    option=$1 value=$2
    shift 2
    [ -n "$value" ] || return 0
    for kind in "$@"; do
        if [ "$kind" = "$server" ]; then return 0; fi
    done
    misused "--$option is for --server $1"
}

check_date() {
    [ -n "$warn_until" ] || return 0
    case $warn_until in
    [0-9][0-9][0-9][0-9]-[0-1][0-9]-[0-3][0-9]) ;;
    *) misused "--warn-until takes a day such as 2027-01-31" ;;
    esac
    if ! [ "$(printf '%s' "$warn_until" | tr -d -)" -gt "$(date -u +%Y%m%d)" ]; then
        stop "--warn-until $warn_until is not in the future: the policy would refuse at once" "tell people first"
    fi
}

# What was installed before holds, where nothing else is said. This script has written it, a key on each line.
read_manifest() {
    former_server='' former_repos=''
    [ -f "$manifest" ] || return 0
    former_server=$(recorded server)
    former_repos=$(sed -n '/^repositories = \[$/,/^\]$/s/^    "\(.*\)",$/\1/p' "$manifest")
    [ -n "$server" ] || server=$former_server
    if [ -z "$repos" ]; then
        # The first; the program goes through all of them.
        repos=$(plain "${former_repos%%"$newline"*}")
        all_repos=yes
    fi
    if [ -z "$prefix" ]; then
        recorded_program=$(recorded program)
        case $recorded_program in */bin/countersign) prefix=${recorded_program%/bin/countersign} ;; esac
    fi
    if [ -z "$group_list" ]; then
        group_list=$(sed -n 's/^allow-groups = \[\(.*\)\]$/\1/p' "$manifest")
        groups=$(printf '%s' "$group_list" | sed "s/'/'\\\\''/g; s/\"\([^\"]*\)\", /--allow-group '\1' /g; s/^/ /; s/ *$//")
    fi
    [ -n "$log" ] || log=$(recorded log)
    [ -n "$deadline" ] || deadline=$(recorded deadline)
    [ -n "$template" ] || template=$(recorded template)
    [ -n "$local_code" ] || local_code=$(recorded local-code)
    [ -n "$custom_hooks" ] || custom_hooks=$(recorded custom-hooks)
    if grep -q '^vref = true$' "$manifest"; then vref=yes; fi
}
all_repos=no

# The value of a key of the manifest.
recorded() {
    plain "$(sed -n "s/^$1 = \"\(.*\)\"\$/\1/p" "$manifest")"
}

# What a string of TOML stands for, in which there is nothing but what toml() makes.
plain() {
    printf '%s' "$1" | sed 's/\\\(.\)/\1/g'
}

toml() {
    case $1 in *[[:cntrl:]]*) stop "$(printf '%s' "$1" | tr '[:cntrl:]' '?'): control characters cannot be in this" ;; esac
    printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"
}

# A package has its program in a place of its own.
find_prefix() {
    if [ -z "$prefix" ]; then
        case $here in /usr/share/*) prefix=/usr ;; *) prefix=/usr/local ;; esac
    fi
    prefix=$(absolute "$prefix" && echo .) && prefix=${prefix%?.}
}

# Whose the repositories are; the hook runs as them.
find_owner() {
    owner=$(stat -L -c %u -- "$repos")
    home=$(getent passwd "$owner" | cut -d: -f6) || home=''
    [ -n "$home" ] || home=${HOME:-/}
}

as_owner() {
    if [ "$(id -u)" = 0 ] && [ "$owner" != 0 ]; then
        group=$(getent passwd "$owner" | cut -d: -f4)
        (cd / && HOME=$home setpriv --reuid="$owner" --regid="${group:-$owner}" --init-groups "$@")
    else
        "$@"
    fi
}

# Where Gitolite takes the hooks of all repositories from (its manual, "non-core").
find_local_code() {
    if [ -z "$local_code" ]; then
        gitolite=$(command -v gitolite || echo "$home/bin/gitolite")
        local_code=$(as_owner "$gitolite" query-rc LOCAL_CODE 2>/dev/null) || local_code=''
        [ -n "$local_code" ] || stop "gitolite has no folder for code of your own: query-rc LOCAL_CODE says nothing" \
            "in .gitolite.rc of the user whom $repos belongs to, say: LOCAL_CODE => \"\$ENV{HOME}/local\","
    fi
    local_code=$(absolute "$local_code" && echo .) && local_code=${local_code%?.}
}

# Followed by a newline and a dot at its callers, so that names that end in newlines stay whole.
absolute() {
    case $1 in
    /) printf '/\n' ;;
    /*) printf '%s\n' "${1%/}" ;;
    *) printf '%s\n' "$(pwd -P)/${1%/}" ;;
    esac
}

quoted() {
    printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

misused() {
    printf 'error: %s\n' "$1" >&2
    echo "hint: ./install.sh --help" >&2
    exit 2
}

stop() {
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf 'hint: %s\n' "$2" >&2
    exit 1
}

# --- the program ---

find_binary() {
    built=${CARGO_TARGET_DIR:-$here/target}/release/countersign
    if [ -z "$binary" ]; then
        binary=$built
        # Beside this script in an archive; of a package, where it is already.
        for candidate in "$program" "$here/countersign" "$built"; do
            if [ -f "$candidate" ]; then binary=$candidate; fi
        done
    fi
    [ -f "$binary" ] || stop "$binary: no such program" "build it first: cargo build --release --locked"
    binary=$(absolute "$binary")
    version=$("$binary" --version 2>/dev/null) || stop "$binary does not run on this machine" "build it here"
    case $version in
    countersign\ *) ;;
    *) stop "$binary is not Countersign" ;;
    esac
}

install_program() {
    former=$program.former
    upgraded=no
    # One that is left from an upgrade that was cut off: the present one was not looked at yet.
    if [ -e "$former" ]; then upgraded=yes; fi
    if cmp -s "$binary" "$program"; then
        say program "$program" "up to date ($version)"
        return
    fi
    if [ -d "$program" ]; then stop "$program is a folder"; fi
    if doing; then
        mkdir -p "$prefix/bin" || stop "$prefix/bin could not be made" "as root, or with another --prefix"
        if [ -e "$program" ] && ! [ -e "$former" ]; then
            place "$program" "$former" 755 || stop "$former could not be written" "as root, or with another --prefix"
            upgraded=yes
        fi
        place "$binary" "$program" 755 || stop "$program could not be written" "as root, or with another --prefix"
    fi
    did program "$program" "installed ($version)" "would be installed ($version)"
}

# A new program that cannot decide where the former one could would refuse every push.
check_upgrade() {
    if [ "$upgraded" = no ] || ! doing; then return 0; fi
    told=''
    if ! told=$("$program" --version 2>&1); then
        put_back
    elif [ -e "$policy" ]; then
        if ! told=$(checks "$program"); then
            # What the former one cannot read either, is no fault of the new one's.
            if checks "$former" >/dev/null; then put_back; fi
        elif ! told=$(probe "$program" decides 2>&1); then
            put_back
        fi
    fi
    rm -f "$former"
}

# Whether there is a repository, or whether a program can decide in one.
probe() {
    "$1" doctor --config "$config" --manifest "$composed" --repos "$repos" --probe "$2" && return
    [ $? = 1 ] || stop "$1 could not look for repositories in $repos, see above"
    return 1
}

checks() {
    eval "\"\$1\" policy check \"\$policy\"$groups" 2>&1
}

put_back() {
    mv -f "$former" "$program"
    printf '%s\n' "$told" | sed 's/^/  | /' >&2
    stop "the new program cannot decide here, and the former one is back: $program" "mend what it says above, and install again"
}

# --- the policy and the ledger ---

install_policy() {
    checked=''
    if [ -e "$policy" ] || [ -L "$policy" ]; then
        say policy "$policy" "is there already, left as it is"
        if [ -n "$warn_until" ]; then
            echo "          --warn-until is for a policy that is yet to be made: in this one, write warn-until into its rules"
        fi
        check_policy
        compare_server
        return
    fi
    if doing; then
        mkdir -p "$config" || stop "$config could not be made" "as root, or with another --config"
    fi
    registry=$config/registry
    if [ -e "$registry" ] || [ -L "$registry" ]; then
        say registry "$registry" "is there already, left as it is"
    else
        if doing; then
            mkdir "$registry" "$registry/openpgp" || stop "$registry could not be made"
            place "$here/policies/registry/allowed_signers" "$registry/allowed_signers" 644 ||
                stop "$registry/allowed_signers could not be written"
        fi
        did registry "$registry" "made; nobody is in it yet" "would be made, with nobody in it"
    fi
    if doing; then
        place_starter || stop "$policy could not be written"
        check_policy
    fi
    if [ -n "$warn_until" ]; then
        does="it warns, and refuses from $warn_until on"
    else
        does="it warns and refuses nothing"
    fi
    did policy "$policy" "installed; $does" "would be installed; $does"
}

place_starter() {
    ledger_line="path = \"$ledger\"" default_line="path = \"$default_ledger\"" awk -v server="$server" -v day="$warn_until" '
        $0 == ENVIRON["default_line"] { print ENVIRON["ledger_line"]; next }
        $0 == "server = \"plain\"" { print "server = \"" server "\""; next }
        day != "" && $0 == "mode = \"warn\"" { print "warn-until = " day; next }
        { print }' "$here/policies/starter.toml" >"$folder/starter" && place "$folder/starter" "$policy" 644
}

# What the policy says of itself; nothing, if it has mistakes.
check_policy() {
    # The groups are quoted for a shell already.
    eval "checked=\$(\"\$binary\" policy check --format json \"\$policy\"$groups 2>/dev/null)" || checked=''
}

# Whose variables the policy believes is the administrator's word, and has to fit the server.
compare_server() {
    [ -n "$checked" ] || return 0
    said=$(printf '%s\n' "$checked" | sed -n 's/.*"server":"\([a-z]*\)".*/\1/p')
    case $server:$said in
    "$server:$server" | plain:http | plain: | gitea:forgejo | forgejo:gitea) return ;;
    *:) said='no server' ;;
    *) said="server = \"$said\"" ;;
    esac
    echo "          it says $said, and this is $server: who pushes would not be known"
    echo "          way out: write server = \"$server\" into a copy, and: $program policy install COPY"
}

# The folder that the policy names, for whoever the repositories belong to: the hook runs as them.
install_ledger() {
    if [ -f "$policy" ]; then
        ledger=$(printf '%s\n' "$checked" | sed -n 's/.*"ledger":"\([^"\\]*\)".*/\1/p')
    fi
    [ -n "$ledger" ] || return 0
    if [ -d "$ledger" ]; then
        say ledger "$ledger" "is there already"
        return
    fi
    if doing; then
        if ! { mkdir -p "${ledger%/*}" && mkdir -m 700 "$ledger"; }; then
            stop "$ledger could not be made" "as root, or with another --ledger"
        fi
        if [ "$(id -u)" = 0 ]; then
            chown "$(stat -L -c %u:%g -- "$repos")" "$ledger" || stop "$ledger could not be given to the owner of $repos"
        fi
    fi
    did ledger "$ledger" "made, for whoever $repos belongs to" "would be made, for whoever $repos belongs to"
}

# --- what was installed ---

# Whoever looks after the hooks later reads it there; the program reads this one now.
compose_manifest() {
    folder=$(mktemp -d "${TMPDIR:-/tmp}/countersign.XXXXXXXX") || stop "no temporary folder"
    composed=$folder/installed.toml
    root=$(toml "$repos")
    {
        echo "# What install.sh installed. It writes this file; \`countersign doctor\` reads it."
        echo "version = 1"
        echo "server = $(toml "$server")"
        echo "repositories = ["
        {
            if [ -n "$former_repos" ]; then printf '%s\n' "$former_repos" | sed 's/.*/    "&",/'; fi
            printf '    %s,\n' "$root"
        } | awk '!seen[$0]++'
        echo "]"
        echo "program = $(toml "$program")"
        [ "$config" = "$default_config" ] || echo "policy = $(toml "$policy")"
        [ -z "$group_list" ] || echo "allow-groups = [$group_list]"
        [ -z "$log" ] || echo "log = $(toml "$log")"
        [ -z "$deadline" ] || echo "deadline = $(toml "$deadline")"
        [ -z "$template" ] || echo "template = $(toml "$template")"
        [ -z "$local_code" ] || echo "local-code = $(toml "$local_code")"
        [ -z "$custom_hooks" ] || echo "custom-hooks = $(toml "$custom_hooks")"
        [ "$vref" = no ] || echo "vref = true"
    } >"$composed" || stop "no temporary file could be written"
}

install_manifest() {
    if cmp -s "$composed" "$manifest"; then return; fi
    if doing; then
        place "$composed" "$manifest" 644 || stop "$manifest could not be written" "as root, or with another --config"
    fi
    changed=$((changed + 1))
}

# --- new repositories ---

# Another configuration than the default has units of its own.
name_units() {
    unit=countersign-doctor
    if [ "$config" != "$default_config" ]; then
        unit=$unit$(printf '%s' "$config" | tr -c 'A-Za-z0-9' -)
    fi
}

install_timer() {
    if [ "$timer" = no ]; then return; fi
    name_units
    if ! { [ "$(id -u)" = 0 ] && [ -d "$systemd" ]; }; then
        line="*/10 * * * * $(quoted "$program") doctor --config $(quoted "$config") --repair$groups >/dev/null"
        say timer "$unit" "not installed without root and systemd; the same in a crontab: $line"
        return
    fi
    if [ "$unit" = countersign-doctor ] && [ "$prefix" = /usr ] && [ -e "$packaged_units/$unit.timer" ]; then
        # A package has brought them.
        install_unit ''
        return
    fi
    compose_units
    install_unit compose
}

compose_units() {
    source=$here/packaging/systemd
    [ -d "$source" ] || source=$packaged_units
    start="ExecStart=$(for_systemd "$program") doctor --config $(for_systemd "$config") --repair$(groups_for_systemd)" awk '
        /^ExecStart=/ { print ENVIRON["start"]; next }
        /^RequiresMountsFor=/ { next }
        { print }' "$source/countersign-doctor.service" >"$folder/$unit.service" || stop "$source: units are missing"
    cat "$source/countersign-doctor.timer" >"$folder/$unit.timer" || stop "$source: units are missing"
}

# systemd.service(5), "Command lines": in quotation marks, with what it would replace doubled.
for_systemd() {
    printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g; s/%/%%/g; s/\$/$$/g')"
}

groups_for_systemd() {
    printf '%s' "$group_list" | sed 's/, / /g; s/%/%%/g; s/\$/$$/g; s/"[^"]*"/ --allow-group &/g; s/ $//; s/  / /g'
}

install_unit() {
    fresh=yes
    if [ -n "$1" ]; then
        for name in "$unit.service" "$unit.timer"; do
            if cmp -s "$folder/$name" "$units/$name"; then continue; fi
            fresh=no
            if doing; then place "$folder/$name" "$units/$name" 644 || stop "$units/$name could not be written"; fi
        done
    fi
    if [ "$fresh" = yes ] && systemctl --quiet is-enabled "$unit.timer" 2>/dev/null; then
        say timer "$unit.timer" "up to date"
        return
    fi
    if doing; then
        { systemctl --quiet daemon-reload && systemctl --quiet enable --now "$unit.timer"; } ||
            stop "systemd could not start $unit.timer" "see what it says above, or install with --no-timer"
    fi
    does="looks after the hooks every ten minutes"
    did timer "$unit.timer" "installed; $does" "would be installed; $does"
}

remove_timer() {
    name_units
    if ! [ -d "$systemd" ] || ! systemctl --quiet is-enabled "$unit.timer" 2>/dev/null; then
        if ! [ -e "$units/$unit.timer" ] && ! [ -e "$units/$unit.service" ]; then return 0; fi
    fi
    if doing; then
        if [ -d "$systemd" ]; then systemctl --quiet disable --now "$unit.timer" || stop "systemd could not stop $unit.timer"; fi
        rm -f "$units/$unit.service" "$units/$unit.timer" || stop "$units/$unit.timer could not be removed"
        if [ -d "$systemd" ]; then systemctl --quiet daemon-reload; fi
    fi
    did timer "$unit.timer" "removed" "would be removed"
}

# --- the hooks ---

# Sets the program to work on the repositories, as `doctor --repair` does later. It says what it does, and how all ended.
install_hooks() {
    if [ -n "$local_code" ] && doing; then make_for_owner "$local_code"; fi
    if [ -n "$custom_hooks" ] && doing; then make_for_owner "$custom_hooks"; fi
    if [ -n "$template" ] && doing; then mkdir -p "$template" || stop "$template could not be made"; fi
    set -- --repair --installing --config "$config" --manifest "$composed"
    [ "$changed" = 0 ] || set -- "$@" --changed
    work "$@"
    [ "$status" = 0 ] || exit 1
    if [ "$server" = gitolite ] && [ "$vref" = no ]; then
        echo "note: the hook judges pushes to gitolite-admin, too: before rules refuse, see that its administrators can sign"
    fi
}

make_for_owner() {
    if [ -d "$1" ]; then return; fi
    as_owner mkdir -p "$1" || stop "$1 could not be made" "make it, for whoever $repos belongs to"
}

work() {
    eval "set -- doctor$groups \"\$@\""
    [ "$all_repos" = yes ] || set -- "$@" --repos "$repos"
    doing || set -- "$@" --dry-run
    using=$program
    # A dry run, or one that takes away what another version has installed.
    cmp -s "$binary" "$program" || using=$binary
    status=0
    "$using" "$@" || status=$?
}

uninstall() {
    rest=$(grep -vxF "    $root," "$composed" | sed -n '/^repositories = \[$/,/^\]$/p' | grep -c '^    ') || rest=0
    # What is looked after elsewhere still is.
    if [ "$all_repos" = yes ] || [ "$rest" = 0 ]; then
        rest=0
        remove_timer
    fi
    work --remove --config "$config" --manifest "$composed"
    [ "$status" = 0 ] || exit 1
    if ! doing || ! [ -f "$manifest" ]; then return; fi
    if [ "$rest" = 0 ]; then
        rm -f "$manifest" || stop "$manifest could not be removed"
    else
        grep -vxF "    $root," "$composed" >"$folder/rest"
        place "$folder/rest" "$manifest" 644 || stop "$manifest could not be written"
    fi
}

# --- files, and what is said ---

# Copies over a rename, so that nobody ever sees half of it.
place() {
    temporary=$(mktemp "${2%/*}/.countersign.XXXXXXXX") &&
        cat "$1" >"$temporary" && chmod "$3" "$temporary" && mv -f "$temporary" "$2" && temporary=''
}

clean_up() {
    if [ -n "$temporary" ]; then rm -f "$temporary"; fi
    if [ -n "$folder" ]; then rm -rf "$folder"; fi
}

doing() {
    [ "$dry_run" = no ]
}

say() {
    printf '%-8s  %s: %s\n' "$1" "$(printf '%s' "$2" | tr '[:cntrl:]' '?')" "$3"
}

# What was done, or would be in a dry run.
did() {
    changed=$((changed + 1))
    if doing; then say "$1" "$2" "$3"; else say "$1" "$2" "$4"; fi
}

main "$@"
