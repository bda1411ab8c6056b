#!/bin/sh
# Installs Countersign on a Git server. `./install.sh --help` says how.
set -eu
umask 022

usage() {
    cat <<'TEXT'
Installs Countersign's hook in bare repositories.

usage: ./install.sh --server plain --repos DIR [options]

  --server plain      what serves the repositories: git over SSH or HTTP without a forge
  --repos DIR         a bare repository, or a folder: every bare repository below it, at any depth
  --prefix DIR        the program goes to DIR/bin                     [default: /usr/local]
  --config DIR        policy.toml and registry/ are in DIR            [default: /etc/countersign]
  --binary FILE       the program to install         [default: target/release/countersign beside this script]
  --allow-group NAME  a group that may write policy and registry; may be given several times
  --ledger DIR        where decisions are recorded               [default: /var/lib/countersign]
  --log FILE          where the hook logs: a file, or `journald`  [default: nowhere]
  --dry-run           say what would be done and change nothing
  --uninstall         remove the hooks and put former ones back; policy, registry, ledger and program stay

Running it again changes only what is not as it should be. A policy that is there is never changed; otherwise one is
installed that warns and refuses nothing. A pre-receive hook that is there is kept, and runs after Countersign's: both
must accept. With another --config than the default, the hook reads that policy alone; with the default, also
countersign/policy.toml in each repository.

Exit status: 0 done or nothing to do, 1 something was refused or failed, 2 usage.
TEXT
}

marker='# countersign-install:'
former_name=pre-receive.before-countersign
default_config=/etc/countersign
default_ledger=/var/lib/countersign

main() {
    here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
    server='' repos='' prefix=/usr/local config=$default_config ledger='' binary='' groups='' log='' dry_run=no action=install
    read_arguments "$@"
    check_arguments
    # What the caller's shell says of some repository is not about these.
    unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY GIT_COMMON_DIR GIT_CONFIG GIT_NAMESPACE
    changed=0 refused=0
    temporary=''
    trap 'clean_up' EXIT
    trap 'exit 1' HUP INT TERM
    known_owner='' found=0 visit=count
    walk "$repos"
    [ "$found" -gt 0 ] || stop "$repos: no bare repository is there"
    if [ "$action" = install ]; then
        install_program
        install_policy
        install_ledger "$@"
        compose_hook
    fi
    visit=visit
    walk "$repos"
    summarise
}

# --- arguments ---

read_arguments() {
    while [ $# -gt 0 ]; do
        case $1 in
        --server | --repos | --prefix | --config | --ledger | --binary | --allow-group | --log)
            case ${2:-} in '' | --*) misused "$1 needs a value" ;; esac
            case $1 in
            --server) server=$2 ;;
            --repos) repos=$2 ;;
            --prefix) prefix=$2 ;;
            --config) config=$2 ;;
            --ledger) ledger=$2 ;;
            --binary) binary=$2 ;;
            --allow-group) groups="$groups --allow-group $(quoted "$2")" ;;
            --log) log=$2 ;;
            esac
            shift 2
            ;;
        --dry-run) dry_run=yes && shift ;;
        --uninstall) action=uninstall && shift ;;
        --help | -h) usage && exit 0 ;;
        *) misused "unknown argument: $1" ;;
        esac
    done
}

check_arguments() {
    case $server in
    plain) ;;
    '') misused "--server is missing" ;;
    gitolite | gitea | forgejo | gitlab | pagure | http)
        stop "this version installs on plain servers; --server $server is not supported yet" \
            "see README.md for what is built"
        ;;
    *) misused "unknown server: $server (this version installs on: plain)" ;;
    esac
    [ -n "$repos" ] || misused "--repos is missing"
    [ -d "$repos" ] || stop "$repos: no such folder"
    command -v git >/dev/null || stop "git is not installed"
    repos=$(absolute "$repos" && echo .) && repos=${repos%?.}
    prefix=$(absolute "$prefix" && echo .) && prefix=${prefix%?.}
    config=$(absolute "$config" && echo .) && config=${config%?.}
    ledger=$(absolute "${ledger:-$default_ledger}" && echo .) && ledger=${ledger%?.}
    case $ledger in *[\\\"]*) stop "$ledger: quotation marks and backslashes cannot be in the ledger's path" ;; esac
    program=$prefix/bin/countersign
    case $log in
    '') ;;
    journald) log=" --log journald" ;;
    # The hook runs in each repository.
    *) log=$(absolute "$log" && echo .) && log=" --log $(quoted "${log%?.}")" ;;
    esac
}

# Followed by a newline and a dot at its callers, so that names that end in newlines stay whole.
absolute() {
    case $1 in
    /) printf '/\n' ;;
    /*) printf '%s\n' "${1%/}" ;;
    *) printf '%s\n' "$(pwd -P)/${1%/}" ;;
    esac
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

# --- the program and the policy ---

install_program() {
    [ -n "$binary" ] || binary=${CARGO_TARGET_DIR:-$here/target}/release/countersign
    [ -f "$binary" ] || stop "$binary: no such program" "build it first: cargo build --release --locked"
    version=$("$binary" --version 2>/dev/null) || stop "$binary does not run on this machine" "build it here"
    case $version in
    countersign\ *) ;;
    *) stop "$binary is not Countersign" ;;
    esac
    if cmp -s "$binary" "$program"; then
        say program "$program" "up to date ($version)"
    else
        if [ -d "$program" ]; then stop "$program is a folder"; fi
        if doing; then
            mkdir -p "$prefix/bin" || stop "$prefix/bin could not be made" "as root, or with another --prefix"
            place "$binary" "$program" 755 || stop "$program could not be written" "as root, or with another --prefix"
        fi
        did program "$program" "installed ($version)" "would be installed ($version)"
    fi
}

install_policy() {
    policy=$config/policy.toml
    if [ -e "$policy" ] || [ -L "$policy" ]; then
        say policy "$policy" "is there already, left as it is"
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
    fi
    did policy "$policy" "installed; it warns and refuses nothing" "would be installed; it warns and refuses nothing"
}

place_starter() {
    starter=$(mktemp "${TMPDIR:-/tmp}/countersign.XXXXXXXX") || return 1
    ledger_line="path = \"$ledger\"" default_line="path = \"$default_ledger\"" awk '
        $0 == ENVIRON["default_line"] { print ENVIRON["ledger_line"]; next }
        { print }' "$here/policies/starter.toml" >"$starter" && place "$starter" "$policy" 644
    placed=$?
    rm -f "$starter"
    return $placed
}

# The folder that the policy names, for whoever the repositories belong to: the hook runs as them.
install_ledger() {
    if [ -f "$policy" ]; then
        set -- "$binary" policy check --format json "$policy"
        # The groups are quoted for a shell already.
        eval "set -- \"\$@\"$groups"
        checked=$("$@" 2>/dev/null) || return 0
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
            chown "$(stat -c %u:%g -- "$repos")" "$ledger" || stop "$ledger could not be given to the owner of $repos"
        fi
    fi
    did ledger "$ledger" "made, for whoever $repos belongs to" "would be made, for whoever $repos belongs to"
}

# Copies over a rename, so that nobody ever sees half of it.
place() {
    temporary=$(mktemp "${2%/*}/.countersign.XXXXXXXX") &&
        cat "$1" >"$temporary" && chmod "$3" "$temporary" && mv -f "$temporary" "$2" && temporary=''
}

clean_up() {
    if [ -n "$temporary" ]; then rm -f "$temporary"; fi
    if [ -n "${hook:-}" ]; then rm -f "$hook"; fi
}

# --- the hook ---

# The hook as it is installed, in a file of its own: its second line says what the rest was when it was installed, so
# that a later run can tell whether somebody has changed it since.
compose_hook() {
    options=$groups$log
    [ "$config" = "$default_config" ] || options=" --policy $(quoted "$policy")$options"
    hook=$(mktemp "${TMPDIR:-/tmp}/countersign.XXXXXXXX") || stop "no temporary file"
    body=$(
        program_line="countersign=$(quoted "$program")" arguments_line="set -- hook pre-receive$options" awk '
            /^countersign=/ { print ENVIRON["program_line"]; next }
            /^set -- / { print ENVIRON["arguments_line"]; next }
            { print }' "$here/hooks/plain/pre-receive"
    ) || stop "$here/hooks/plain/pre-receive could not be read"
    {
        printf '%s\n' "$body" | sed 1q
        printf '%s %s\n' "$marker" "$(printf '%s\n' "$body" | cksum)"
        printf '%s\n' "$body" | sed 1d
    } >"$hook" || stop "no temporary file could be written"
}

quoted() {
    printf "'%s'" "$(printf '%s' "$1" | sed "s/'/'\\\\''/g")"
}

# What a hook file is: none, ours, changed (ours, and somebody edited it), theirs.
whose() {
    if [ -L "$1" ] || [ -L "${1%/*}" ] || ! [ -e "$1" ]; then
        # Nothing is installed through links.
        echo none
    elif line=$(sed -n 2p "$1") && [ "${line#"$marker"}" != "$line" ]; then
        if [ "$line" = "$marker $(sed 2d "$1" | cksum)" ]; then echo ours; else echo changed; fi
    else
        echo theirs
    fi
}

# --- the repositories ---

# Calls $visit for every bare repository at or below a folder. Names may hold anything: no name goes through a pipe.
walk() {
    if is_repository "$1"; then
        "$visit" "$1"
        return
    fi
    if ! [ -r "$1" ] || ! [ -x "$1" ]; then
        repository=$1
        [ "$visit" = count ] || refuse "the folder cannot be read; repositories may be in it" "run this as root"
        return
    fi
    for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        if [ -L "$entry" ]; then
            # A link to a repository is served under that name. Links to folders could lead in circles.
            if is_repository "$entry"; then "$visit" "$entry"; fi
        elif [ -d "$entry" ]; then
            walk "$entry"
        fi
    done
}

# As git tells (is_git_directory in its setup.c).
is_repository() {
    [ -d "$1/objects" ] && [ -d "$1/refs" ] && { [ -f "$1/HEAD" ] || [ -L "$1/HEAD" ]; }
}

count() {
    if [ "$found" = 0 ] && look_at "$1"; then found=1; fi
}

# Whether a repository is a bare one; and whose it is.
look_at() {
    repository=$1
    owner=$(owner_of "$repository")
    if [ "$owner" != "$known_owner" ]; then
        known_owner=$owner
        home=$(getent passwd "$owner" 2>/dev/null | cut -d: -f6)
        [ -n "$home" ] || home=${HOME:-/}
    fi
    bare=$(setting core.bare) || bare=''
    [ "$bare" = true ] || { [ -z "$bare" ] && [ "${repository##*/}" != .git ]; }
}

visit() {
    if ! look_at "$1"; then
        say hook "$repository" "has a work tree: passed over"
        return
    fi
    existing=$repository/hooks/pre-receive
    former=$repository/hooks/$former_name
    if [ "$action" = uninstall ]; then
        uninstall_hook
    elif problem=$(find_problem); then
        refuse "${problem%%"$newline"*}" "${problem#*"$newline"}"
    else
        install_hook
    fi
}

newline='
'

# Why the hook would not run, or would have to be put where others use it too, and the way out. Fails if there is none.
find_problem() {
    call="$program hook pre-receive$options"
    shown=$(quoted "$repository" | tr '[:cntrl:]' '?')
    path=$(setting core.hooksPath) && status=0 || status=$?
    if [ "$status" -gt 1 ]; then
        echo "git cannot read its configuration"
        echo "see what it says: git --git-dir $shown config --get core.hooksPath"
    elif [ "$status" = 0 ]; then
        echo "core.hooksPath is $path, so git runs no hook of the repository's own"
        echo "unset it (who sets it: git --git-dir $shown config --show-origin core.hooksPath), or call this there: $call"
    elif [ -L "$repository/hooks" ]; then
        echo "its hooks folder is a link, which others may share"
        echo "call this from the shared pre-receive hook: $call"
    elif [ -L "$repository/hooks/pre-receive" ]; then
        echo "hooks/pre-receive is a link, and what it leads to may be shared"
        echo "call this from that hook, or replace the link by a copy and install again: $call"
    elif [ -e "$repository/hooks/pre-receive" ] && ! [ -f "$repository/hooks/pre-receive" ]; then
        echo "hooks/pre-receive is not a file"
        echo "move it away, and install again"
    elif [ -e "$repository/hooks/pre-receive.d/gitea" ] || [ -e "$repository/hooks/pre-receive.d/forgejo" ]; then
        echo "Gitea or Forgejo writes the hooks of this repository, and this version cannot install there"
        echo "see README.md for what is built"
    else
        return 1
    fi
}

# A setting as git sees it when it serves this repository: with the configuration of the repository's owner. Fails with
# 1 where it is not set.
setting() {
    HOME=$home XDG_CONFIG_HOME="$home/.config" GIT_DIR="$repository" git config --get "$1" 2>/dev/null
}

owner_of() {
    # shellcheck disable=SC2012 # the third field comes before the name
    LC_ALL=C ls -ldn "$1/" | { read -r _ _ number _ && echo "$number"; }
}

install_hook() {
    whose_hook=$(whose "$existing")
    case $whose_hook in
    ours)
        if cmp -s "$hook" "$existing" && [ -x "$existing" ]; then
            if works; then say hook "$repository" "up to date"; fi
            return
        fi
        ;;
    changed)
        refuse "hooks/pre-receive is Countersign's, and somebody changed it" "move it away, and install again"
        return
        ;;
    none | theirs)
        if { [ -e "$former" ] || [ -L "$former" ]; } && ! cmp -s "$former" "$existing"; then
            refuse "a former hook is kept as hooks/$former_name, and hooks/pre-receive is not Countersign's" \
                "move back, merge or remove hooks/$former_name, and install again"
            return
        fi
        ;;
    esac
    works || return 0
    if doing; then
        put_hook || {
            refuse "hooks/pre-receive could not be written" "run this as root, or as the repository's owner"
            return
        }
    fi
    case $whose_hook in
    theirs)
        runs="the former hook runs after it (hooks/$former_name)"
        [ -x "$existing" ] || runs="the former hook is kept (hooks/$former_name)"
        did hook "$repository" "installed; $runs" "would be installed; the former hook would be kept"
        ;;
    *) did hook "$repository" "installed" "would be installed" ;;
    esac
}

# There is no moment at which neither hook stands: the former gets its second name first.
put_hook() {
    if ! [ -d "$repository/hooks" ]; then
        mkdir "$repository/hooks" || return 1
        if [ "$(id -u)" = 0 ]; then chown "$owner" "$repository/hooks" || return 1; fi
    fi
    if [ "$whose_hook" = theirs ]; then
        [ -e "$former" ] || ln "$existing" "$former" 2>/dev/null || cp -p "$existing" "$former" || return 1
    fi
    place "$hook" "$existing" 755 && return
    if [ "$whose_hook" = theirs ]; then rm -f "$former"; fi
    return 1
}

# Whether the hook could decide anything here, asked as the one it will run as: whatever keeps it from reading the
# policy, the registry or the repository, or from writing its log, would refuse every push.
works() {
    [ -e "$policy" ] || return 0
    asked=$groups
    # Only as its owner: it makes the log if there is none, and a log of somebody else's would lock the owner out.
    if doing && [ "$(id -u)" = "$owner" ]; then asked=$groups$log; fi
    set -- policy explain HEAD --repo "$repository"
    [ "$config" = "$default_config" ] || set -- "$@" --policy "$policy"
    if ! cmp -s "$binary" "$program"; then
        # A dry run: it is not where the owner could run it.
        set -- "$binary" "$@"
    elif [ "$(id -u)" = 0 ] && [ "$owner" != 0 ] && command -v setpriv >/dev/null; then
        if doing; then asked=$groups$log; fi
        groups_of_owner=--init-groups
        getent passwd "$owner" >/dev/null || groups_of_owner=--clear-groups
        set -- setpriv --reuid="$owner" --regid="$(group_of "$owner")" "$groups_of_owner" "$program" "$@"
    else
        set -- "$program" "$@"
    fi
    eval "set -- \"\$@\"$asked"
    told=$("$@" 2>&1 >/dev/null) && return 0
    refuse "its hook could decide nothing, and would refuse every push; it is left as it is" \
        "mend what Countersign says, and install again:"
    printf '%s\n' "$told" | sed 's/^/          | /'
    return 1
}

group_of() {
    group=$(getent passwd "$1" 2>/dev/null | cut -d: -f4)
    echo "${group:-$1}"
}

uninstall_hook() {
    case $(whose "$existing") in
    ours)
        kept=no
        if [ -e "$former" ] || [ -L "$former" ]; then kept=yes; fi
        if doing; then
            if [ "$kept" = yes ]; then mv -f "$former" "$existing"; else rm -f "$existing"; fi || {
                refuse "hooks/pre-receive could not be removed" "run this as root, or as the repository's owner"
                return
            }
        fi
        if [ "$kept" = yes ]; then
            did hook "$repository" "removed; the former hook is back" "would be removed; the former hook would be back"
        else
            did hook "$repository" "removed" "would be removed"
        fi
        ;;
    changed) refuse "hooks/pre-receive is Countersign's, and somebody changed it" "remove it by hand" ;;
    none | theirs)
        say hook "$repository" "not installed"
        ;;
    esac
}

# --- what is said ---

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

refuse() {
    refused=$((refused + 1))
    say hook "$repository" "REFUSED: $1"
    printf '          way out: %s\n' "$2"
}

summarise() {
    if [ "$action" = uninstall ]; then
        echo "left in place: $config (policy, registry), and $program, which hooks elsewhere may call"
    fi
    if [ "$refused" -gt 0 ]; then
        echo "$refused refused, see above"
        exit 1
    elif ! doing; then
        echo "dry run: nothing was changed"
    elif [ "$changed" = 0 ]; then
        echo "nothing to do"
    elif [ "$action" = install ]; then
        echo "next: $program policy check $policy"
    fi
}

main "$@"
