#!/bin/sh
# `make demo`: the main job for real. A bare repository, the hook put in by install.sh, two developers with keys of
# their own, real pushes. All of it is in a temporary folder that is gone afterwards. Exit status 1 if any push ends
# otherwise than it must. `./demo.sh --binary FILE` shows another program than the release build.
set -eu
umask 022

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
work=$(mktemp -d /tmp/countersign-demo.XXXXXX)
trap 'clean_up' EXIT
trap 'exit 1' HUP INT TERM

clean_up() {
    gpgconf --kill all 2>/dev/null || true
    rm -rf "$work"
}

# Nothing of whoever runs this takes part: no configuration, no keys, no agent.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_CONFIG GIT_CONFIG_COUNT GIT_NAMESPACE SSH_AUTH_SOCK GPG_TTY XDG_CONFIG_HOME
export HOME="$work" GNUPGHOME="$work/gnupg" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL="$work/gitconfig" LC_ALL=C
export GIT_TERMINAL_PROMPT=0 GIT_EDITOR=:

say() {
    printf '%s\n' "$*"
}

fail() {
    printf 'demo: %s\n' "$*" >&2
    exit 1
}

# --- the stage: a server and two developers ---

config=$work/etc
program=$work/bin/countersign
git config --global init.defaultBranch main
git config --global advice.pushUpdateRejected false

mkdir -m 700 "$GNUPGHOME"
ssh-keygen -q -t ed25519 -N '' -C alice@example.com -f "$work/alice"
gpg --batch --quiet --passphrase '' --quick-generate-key 'Dave <dave@example.com>' ed25519 sign 1d 2>/dev/null

# Two of the policies that come with Countersign, as one: signed branches, signed release tags.
mkdir -p "$config/registry/openpgp"
{
    cat "$here/policies/signed-main.toml"
    sed -n '/^\[groups\]/,$p' "$here/policies/release-tags.toml"
    printf '\n[ledger]\npath = "../ledger"\n'
} >"$config/policy.toml"
printf 'alice@example.com %s\n' "$(cat "$work/alice.pub")" >"$config/registry/allowed_signers"
gpg --batch --export --armor dave@example.com >"$config/registry/openpgp/dave.asc"

developer() {
    git clone --quiet "$work/project.git" "$work/$1-clone" 2>/dev/null
    cd "$work/$1-clone"
    git config user.name "$2"
    git config user.email "$1@example.com"
    git config gpg.format "$3"
    git config user.signingkey "$4"
}

commit() {
    printf '%s\n' "$1" >>notes
    git add notes
    git commit --quiet --message "$1"
}

# --- what is shown ---

shown() {
    sed -e 's/ *$//' -e '/^To /d' -e '/^error: failed to push/d' -e 's/^/    /' "$work/told"
}

# Pushes, shows what the pusher sees, and holds it against what must happen.
push() {
    must=$1
    shift
    say "  \$ git push origin $*"
    if git push origin "$@" >"$work/told" 2>&1; then went=accepted; else went=refused; fi
    shown
    [ "$went" = "$must" ] || fail "that push was $went, and must be $must"
}

# Does what the refusal advises: the first hint that is a command.
follow_hint() {
    hint=$(sed -n 's/^remote: hint: [^:]*: \(git .*\)$/\1/p' "$work/told" | sed -n 1p | sed 's/ *$//')
    [ -n "$hint" ] || fail "the refusal gave no hint"
    say "  \$ $hint"
    sh -c "$hint" >"$work/told" 2>&1 || { shown && fail "the hint did not work"; }
}

say "1. An administrator installs the hook. The policy asks for signed commits and signed release tags."
git init --quiet --bare "$work/project.git"
say "  \$ ./install.sh --server plain --repos project.git"
"$here/install.sh" --server plain --repos "$work/project.git" --prefix "$work" --config "$config" --no-timer "$@" >"$work/told" ||
    { cat "$work/told" && fail "install.sh failed"; }
sed -e "s|$work/||g" -e '/^next/d' -e 's/^/    /' "$work/told"

say "2. Alice pushes a commit that is not signed, does what the refusal advises (SSH), and pushes again."
developer alice Alice ssh "$work/alice.pub"
commit "Begin the project"
push refused main
follow_hint
push accepted main

say "3. Dave does the same with OpenPGP."
developer dave Dave openpgp dave@example.com
commit "Add Dave's notes"
push refused main
follow_hint
push accepted main

say "4. Alice releases: the tag must be signed, too."
cd "$work/alice-clone"
git pull --quiet
git tag --annotate --message "Version 1.0" v1.0
push refused v1.0
follow_hint
shown

say "5. The ledger has the record of all of it, refusals too, and nobody has changed it since."
"$program" --policy "$config/policy.toml" ledger list --limit 6 | cut -c 1-100
"$program" --policy "$config/policy.toml" ledger verify | sed "s|$work/||"
say ""

say "What the server has now, and who signed it:"
"$program" --repo "$work/project.git" verify --registry "$config/registry" main v1.0 main~1 | cut -c 1-100
say "All pushes ended as they must."
