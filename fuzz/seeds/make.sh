#!/bin/sh
# Makes the seeds anew with git, gpg and ssh-keygen, and the authority's key in ../keys; leaves regression-* as they are.
#
# Those of ledger are made by UPDATE_GOLDENS=1 cargo test --test suite ledger_proofs, from keys that the test states.
#
# All is dated 2026, before the clock that the targets judge by.
set -eu
umask 022
cd "$(dirname "$0")"
seeds=$PWD
fixtures=$(cd ../../fixtures/keys && pwd)

made=$(mktemp -d)
trap 'gpgconf --homedir "$made/gnupg" --kill all; rm -rf "$made"' EXIT
export HOME="$made" GNUPGHOME="$made/gnupg" GIT_CONFIG_NOSYSTEM=1 TZ=UTC LC_ALL=C
export GIT_AUTHOR_DATE='1767225600 +0000' GIT_COMMITTER_DATE='1767225600 +0000'
mkdir -m 700 "$GNUPGHOME"

for target in allowed_signers armor certificate commit krl openpgp_certificates openpgp_signature policy_toml \
    push_certificate ref_updates signers_toml sshsig tag; do
    mkdir -p "$target"
    find "$target" -type f ! -name 'regression-*' -delete
done

# Keys.
for name in alice bob mallory; do
    cp "$fixtures/$name-ssh" "$fixtures/$name-ssh.pub" "$made"
    chmod 600 "$made/$name-ssh"
done
gpg --batch --quiet --import "$fixtures"/*.secret.asc
mkdir -p ../keys
rm -f ../keys/authority ../keys/authority.pub
ssh-keygen -q -t ed25519 -N '' -C authority -f ../keys/authority
printf '#!/bin/sh\nexec gpg --batch --quiet --faked-system-time 20260101T000000 "$@"\n' >"$made/gpg"
chmod 755 "$made/gpg"
cp ../keys/authority ../keys/authority.pub "$made"
chmod 644 ../keys/authority
cd "$made"

key() { # name: type and base64
    cut -d ' ' -f 1,2 "$1.pub"
}

blob() { # name of a public key's file: its bytes
    cut -d ' ' -f 2 "$1" | base64 -d
}

dearmored() {
    sed '/^-----/d' | base64 -d
}

# Signatures over the payload.
printf 'tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n\nAdd retry to the uploader\n' >"$seeds/payload"
ssh_sign() { # key, namespace, more options
    signer=$1 namespace=$2
    shift 2
    ssh-keygen -q -Y sign -n "$namespace" "$@" -f "$signer" <"$seeds/payload"
}
certify() { # name of the copy, options
    cp alice-ssh.pub "$1.pub"
    certified=$1
    shift
    ssh-keygen -q -s authority -I "id of $certified" "$@" "$certified.pub"
}
certify certified -n alice@example.com -V 20250101:20350101
ssh-keygen -q -t rsa -b 2048 -N '' -C rsa -f rsa
for name in alice bob mallory; do
    ssh_sign "$name-ssh" git >"$seeds/armor/$name"
    dearmored <"$seeds/armor/$name" >"$seeds/sshsig/$name"
done
cp alice-ssh certified && chmod 600 certified
ssh_sign certified-cert.pub git >"$seeds/armor/alice-certified"
dearmored <"$seeds/armor/alice-certified" >"$seeds/sshsig/alice-certified"
ssh_sign rsa git >"$seeds/armor/rsa"
dearmored <"$seeds/armor/rsa" >"$seeds/sshsig/rsa"
ssh_sign alice-ssh git -O hashalg=sha256 | dearmored >"$seeds/sshsig/alice-sha256"
ssh_sign alice-ssh file >"$seeds/armor/other-namespace"
dearmored <"$seeds/armor/other-namespace" >"$seeds/sshsig/other-namespace"
# By a security key (PROTOCOL.u2f), whose user touched it and, in the other, typed a PIN.
string() { # with its length before it
    size=$(wc -c <"$1")
    for shift in 24 16 8 0; do
        # shellcheck disable=SC2059 # an escape is what is wanted
        printf "$(printf '\\%03o' $((size >> shift & 255)))"
    done
    cat "$1"
}
text() {
    printf %s "$1" >text
    string text
}
openssl genpkey -algorithm ed25519 -out token
openssl pkey -in token -pubout -outform DER | tail -c 32 >point
{ text git; text ''; text sha256; openssl dgst -sha256 -binary <"$seeds/payload" >digest; string digest; } >fields
{ printf SSHSIG; cat fields; } >wanted
for flags in 1 5; do
    { printf ssh: | openssl dgst -sha256 -binary; printf %b "\\0$flags\\0\\0\\0\\07"; openssl dgst -sha256 -binary <wanted; } >signed
    openssl pkeyutl -sign -rawin -inkey token -in signed -out made
    { text sk-ssh-ed25519@openssh.com; string point; text ssh:; } >key
    { text sk-ssh-ed25519@openssh.com; string made; printf %b "\\0$flags\\0\\0\\0\\07"; } >signature
    { printf 'SSHSIG\0\0\0\1'; string key; text git; text ''; text sha256; string signature; } \
        >"$seeds/sshsig/security-key-$flags"
done
sed 's/$/\r/' "$seeds/armor/alice" >"$seeds/armor/carriage-returns"
cat "$seeds/armor/alice" "$seeds/armor/mallory" >"$seeds/armor/two"
{ head -c -64 "$seeds/sshsig/alice"; head -c 64 /dev/zero; } >"$seeds/sshsig/zeroes"
{ cat "$seeds/sshsig/alice"; printf more; } >"$seeds/sshsig/followed"
for name in dave erin mallory; do
    user=$name@example.com
    [ $name != mallory ] || user=mallory@example.net
    "$made/gpg" --local-user "$user" --detach-sign <"$seeds/payload" >"$seeds/openpgp_signature/$name"
done
"$made/gpg" --local-user dave@example.com --armor --detach-sign <"$seeds/payload" >"$seeds/armor/dave"
"$made/gpg" --local-user erin@example.com --armor --detach-sign <"$seeds/payload" >"$seeds/armor/erin"
"$made/gpg" --local-user mallory@example.net --armor --detach-sign <"$seeds/payload" >"$seeds/armor/mallory-openpgp"
sed 's/PGP SIGNATURE/PGP MESSAGE/' "$seeds/armor/dave" >"$seeds/armor/message"
sed 's/PGP SIGNATURE/SIGNED MESSAGE/' "$seeds/armor/dave" >"$seeds/armor/x509"
sed 's/^$/Comment: x\n/' "$seeds/armor/dave" >"$seeds/armor/header"
cd "$seeds/openpgp_signature"
sign_as_dave() {
    "$made/gpg" --local-user dave@example.com "$@" --detach-sign <"$seeds/payload"
}
sign_as_dave --textmode >text
sign_as_dave --digest-algo SHA1 >sha1
sign_as_dave --default-sig-expire 10d >expires
sign_as_dave --sig-notation '!x@example.com=1' >critical-notation
sign_as_dave --sig-notation 'x@example.com=1' --sig-policy-url https://example.com >notation
cat dave erin >two
"$made/gpg" --local-user dave@example.com --compress-level 0 --sign <"$seeds/payload" >inline
cd "$made"

# Certificates up to their authority, which the target adds: an Ed25519 key and signature of 142 bytes.
certify plain -n alice@example.com -V 20250101:20350101
certify for-ever -n alice@example.com
certify expired -n alice@example.com -V 20250101:20260101
certify several -n alice@example.com,bob@example.com,root -V 20250101:20350101
certify nobody -V 20250101:20350101
certify host -h -n alice@example.com -V 20250101:20350101
certify restricted -n alice@example.com -O clear -O force-command=x -O source-address=10.0.0.0/8 -V 20250101:20350101
certify verified -n alice@example.com -O critical:verify-required -V 20250101:20350101
certify unknown -n alice@example.com -O critical:x@example.com=y -z 18446744073709551615 -V 20250101:20350101
for name in plain for-ever expired several nobody host restricted verified unknown; do
    blob "$name-cert.pub" | head -c -142 >"$seeds/certificate/$name"
done
blob plain-cert.pub >"$seeds/certificate/whole"
for name in bob-ssh rsa; do
    cp "$name.pub" "other-$name.pub"
    ssh-keygen -q -s authority -I other -n alice@example.com -V 20250101:20350101 "other-$name.pub"
    blob "other-$name-cert.pub" >"$seeds/certificate/$name"
done

# Keys that are revoked.
cd "$seeds/krl"
{ printf '# one key a line\n\n'; key "$made/bob-ssh"; cat "$made/authority.pub"; } >lines
cp "$made/alice-ssh.pub" line
revoke() { # file, specification; more options
    file=$1 specification=$2
    shift 2
    printf '%b' "$specification" | ssh-keygen -q -k -f "$file" "$@" -
}
revoke keys "$(key "$made/bob-ssh")\n"
revoke nothing ''
revoke fingerprint "hash: $(ssh-keygen -lf "$made/bob-ssh.pub" | cut -d ' ' -f 2)\n"
revoke sha1 "sha1: $(key "$made/alice-ssh")\n"
revoke sha256 "sha256: $(key "$made/alice-ssh")\n"
revoke serials 'serial: 1\nserial: 3\nserial: 18446744073709551615\n' -s "$made/authority.pub"
revoke range 'serial: 1-100000\n' -s "$made/authority.pub"
revoke bitmap 'serial: 1\nserial: 2\nserial: 5\nserial: 9\nserial: 40\nserial: 41\nserial: 70\n' -s "$made/authority.pub"
revoke ids 'id: id of certified\nid: x\n' -s "$made/authority.pub"
revoke mixed "serial: 4-90\nid: root\n$(key "$made/mallory-ssh")\nsha256: $(key "$made/bob-ssh")\n" -s "$made/authority.pub" -z 7
ssh-keygen -q -k -f certificate "$made/certified-cert.pub"
ssh-keygen -q -k -f authority "$made/authority.pub"

# Who may sign.
cd "$seeds/allowed_signers"
alice=$(key "$made/alice-ssh") bob=$(key "$made/bob-ssh") mallory=$(key "$made/mallory-ssh") authority=$(key "$made/authority")
printf 'alice@example.com %s\nbob@example.com %s\n' "$alice" "$bob" >plain
printf '# people\n\n\talice@example.com,al@x %s Alice\r\n  "bob x",bob@EXAMPLE.com %s\n' "$alice" "$bob" >odd
printf '*@example.com,!root@* cert-authority,namespaces="git,file" %s\n' "$authority" >authority
printf 'alice@example.com valid-after="20250101",valid-before="20350101120000Z" %s\n' "$alice" >window
printf 'alice@example.com valid-before="19990101Z",NAMESPACES="git" %s\nalice@example.com namespaces="file" %s\n' \
    "$alice" "$alice" >over
printf 'alice@example.com %s\nbob@example.com %s\n?lice@* %s\n' "$alice" "$alice" "$alice" >contested
printf 'alice@example.com no-such-option,x="y\\"z" %s\nbob %s\nalice ssh-ed25519 AAAA\n' "$alice" "$bob" >broken
printf 'mallory@example.net,alice@example.com %s\n* cert-authority %s\n' "$mallory" "$mallory" >mallory
printf 'dave@example.com,alice@example.com %s\n*@example.com cert-authority %s\n' "$alice" "$authority" >claimed

cd "$seeds/openpgp_certificates"
for name in dave erin carol mallory; do
    user=$name@example.com
    [ $name != mallory ] || user=mallory@example.net
    gpg --batch --quiet --export "$user" >"$name"
done
gpg --batch --quiet --armor --export dave@example.com >armored
cat erin dave >two
{ printf 'Dave, then Carol\n'; cat armored; gpg --batch --quiet --armor --export carol@example.com; } >notes
cp "$fixtures/dave-openpgp.secret.asc" secret
"$made/gpg" --passphrase '' --pinentry-mode loopback --quick-generate-key 'Faythe <dave@example.com>' rsa2048 cert never
fingerprint=$(gpg --batch --with-colons --list-keys Faythe | sed -n 's/^fpr:*\([0-9A-F]*\):$/\1/p' | head -n 1)
for algorithm in ed25519 rsa2048; do
    "$made/gpg" --passphrase '' --pinentry-mode loopback --quick-add-key "$fingerprint" $algorithm sign 10y
done
gpg --batch --quiet --export "$fingerprint" >subkeys
sed 's/^:* *//' "$GNUPGHOME/openpgp-revocs.d/$fingerprint.rev" | sed -n '/^-----BEGIN/,$p' | gpg --batch --quiet --import
gpg --batch --quiet --export "$fingerprint" >revoked

# People and rules.
cd "$seeds/signers_toml"
of() { # file of a public key: its fingerprint
    ssh-keygen -lf "$made/$1.pub" | cut -d ' ' -f 2
}
cat >people <<EOF
[[signer]]
id = "alice"
name = "Alice Example"
emails = ["alice@example.com", "alice@old.example"]
accounts = ["alice", "gitlab:user-12"]
groups = ["maintainers", "dev"]
kind = "person"

[[signer]]
id = "bob"
keys = ["$(of bob-ssh)", "openpgp:C472F0FD779A260F7445640039D744D41149885A"]
kind = "bot"
EOF
cat >mistakes <<'EOF'
[[signer]]
id = '@alice'
nmae = "x"
emails = ["*", 3]
keys = ['SHA256:abc']
kind = "robot"
[[signer]]
id = 'bob'
id = 'bob'
[[signers]]
EOF
cat >states <<EOF
[[signer]]
id = "alice"
emails = ["alice@example.com"]
until = 2027-03-01T18:00:00Z

[[key]]
fingerprint = "$(of alice-ssh)"
state = "retired"
since = 2026-05-01T00:00:00Z
note = "replaced by her new token"

[[key]]
fingerprint = "openpgp:EFFE5611D010CC41AD1CDE17A72080B3291E6719"
state = "compromised"
since = 2026-05-01
EOF
cat >shared <<'EOF'
signer = [ { id = "a", emails = ["team@example.com", "bob@example.com"] },
  { id = "b", emails = ["team@EXAMPLE.com", "bob@Example.com"], kind = "forge", accounts = ["x"] } ] # ü
EOF
cd "$seeds/policy_toml"
cat >whole <<'EOF'
version = 1
unmatched-refs = "accept"
registry = "registry"
registry-require = ["revoked_keys", "signers.toml"]
server = "plain"
repositories-root = "/srv/git"
help = "https://wiki.example/signing"

[groups]
maintainers = ["alice@example.com", "bob@example.com"]
oncall = ["@maintainers", "@dev", "dave@example.com"]

[[rule]]
name = "main"
refs = ["HEAD", "refs/heads/release/**", "refs/heads/{a,b?}[0-9]*"]
except-refs = ["refs/heads/release/old/**"]
repositories = ["infra/**"]
except-repositories = ["**/*.wiki"]
mode = "enforce"
warn-until = 2027-01-31
baseline = ["2fe3646fb1e46025b9465595a97795be57722357"]
signatures = { commits = "first-parent", unsigned = "accept", by = ["@maintainers", "*"], formats = ["ssh", "openpgp"], verify-time = "signature", grace = "72h", security-key = "touch" }
updates = { create = true, update = true, force-push = false, delete = true }

[[rule]]
name = "release tags"
refs = ["refs/tags/v*"]
mode = "warn"
tags = { annotated = true, signed = true, by = ["@oncall"], on = ["refs/heads/main"], name-matches-ref = true }
EOF
cat >later <<'EOF'
version = 1
unmatched-refs = "refuse"
server = "gitolite"
[[rule]]
name = "later"
refs = ["**"]
mode = "observe"
signatures = { commits = "merges", security-key = "pin", forge = "merges", merge-tags = { required = true } }
updates = { create = ["@dev"], force-push = ["*"] }
identity = { committer = "signer" }
EOF
cat >mistakes <<'EOF'
version = 2
unmatched-refs = "acept"
[groups]
a = ["@b", "@no"]
b = ["@a"]
[[rule]]
nmae = "ü"
refs = ["refs/heads/[", 3, "main"]
signatures = { commits = "al", by = "@a" }
[[rule]]
name = "x"
refs = []
name = "y"
[[rule]]
name = "x"
paths = [
EOF
printf 'version = 1\nunmatched-refs = "refuse"\n' >short
printf '\357\273\277version = 1\r\nunmatched-refs = "refuse"\r\n[[rule]]\r\nname = """\r\na b"""\r\nmode = "off"\r\nrefs=["refs/replace/**"]\r\n' >windows

# Objects and pushes, in both object formats.
for format in sha1 sha256; do
    git init -q --bare --object-format=$format "$made/server-$format.git"
    git -C "$made/server-$format.git" config receive.certNonceSeed seed
    git -C "$made/server-$format.git" config receive.advertisePushOptions true
    # shellcheck disable=SC2016 # the hook's own variable
    printf '#!/bin/sh\ncat >"%s/lines"\ngit cat-file blob "$GIT_PUSH_CERT" >"%s/cert"\n' "$made" "$made" \
        >"$made/server-$format.git/hooks/post-receive"
    chmod 755 "$made/server-$format.git/hooks/post-receive"
    git init -q -b main --object-format=$format "$made/clone-$format"
    cd "$made/clone-$format"
    git config user.name 'Alice Example' && git config user.email alice@example.com
    git config gpg.program "$made/gpg" && git config gpg.ssh.program ssh-keygen
    by_ssh() { git config gpg.format ssh && git config user.signingkey "$made/alice-ssh"; }
    by_openpgp() { git config gpg.format openpgp && git config user.signingkey "${1-dave@example.com}"; }
    pushed() { # name, arguments of git push
        name=$1
        shift
        git push -q --signed "$@" 2>/dev/null
        cp "$made/cert" "$seeds/push_certificate/$name-$format"
        cp "$made/lines" "$seeds/ref_updates/$name-$format"
    }
    commit() { git cat-file commit "$1" >"$seeds/commit/$2-$format"; }
    git remote add origin "../server-$format.git"
    git commit -q --allow-empty -m 'Begin'
    commit HEAD unsigned
    by_ssh
    git commit -q --allow-empty -S -m 'Signed by an SSH key' -m 'Over two paragraphs.'
    commit HEAD ssh
    git tag -s -m 'Release v1.0' v1.0
    git cat-file tag v1.0 >"$seeds/tag/ssh-$format"
    pushed ssh -o ci.skip -o 'topic=a b' origin main v1.0
    by_openpgp
    git commit -q --allow-empty -S -m 'Signed with OpenPGP'
    commit HEAD openpgp
    git tag -s -m 'Release v1.1' v1.1
    git tag -s -m 'Of a tag' v1.2 v1.1
    git tag -s -m 'Of a tree' tree 'HEAD^{tree}'
    git tag -a -m 'Unsigned' v1.3
    git cat-file tag v1.1 >"$seeds/tag/openpgp-$format"
    git cat-file tag v1.2 >"$seeds/tag/nested-$format"
    git cat-file tag tree >"$seeds/tag/tree-$format"
    git cat-file tag v1.3 >"$seeds/tag/unsigned-$format"
    git config --unset user.signingkey
    git config user.name 'Dave Example' && git config user.email dave@example.com
    git push -q origin main~1:refs/heads/other 2>/dev/null
    pushed openpgp origin main :v1.0
    git config user.name 'Alice Example' && git config user.email alice@example.com
    git checkout -q -b side v1.0
    git -c i18n.commitEncoding=ISO-8859-1 commit -q --allow-empty -m "$(printf 'caf\351')"
    commit HEAD encoding
    by_ssh
    git tag -s -m 'Merge me' side-tag
    git checkout -q main
    by_openpgp erin@example.com
    git merge -q -S --no-ff -m 'Merge what was tagged' side-tag
    commit HEAD mergetag
    pushed key-id origin main
done

# Variants of them that somebody might try.
cd "$seeds/commit"
sed '/^gpgsig/,/^ -----END/{H;d;}' ssh-sha1 >payload-of-ssh
sed -n '/^gpgsig/,/^ -----END/p' ssh-sha1 >"$made/header"
sed -n '/^gpgsig/,/^ -----END/p' openpgp-sha1 >"$made/other-header"
{ sed 1q payload-of-ssh; cat "$made/header"; sed 1d payload-of-ssh; } >moved
sed "/^committer/r $made/header" ssh-sha1 >twice
sed "/^committer/r $made/other-header" ssh-sha1 >two-signatures
sed 's/^gpgsig/gpgsig-sha256/' ssh-sha1 >other-format
sed "/^committer/r $made/header" ssh-sha1 | sed 's/^gpgsig/gpgsig-sha256/' | sed '0,/^gpgsig-sha256/s//gpgsig/' >both-formats
sed 's/^gpgsig/gpgsig-more x\n&/' ssh-sha1 >room
sed 's/^committer.*/&\nparent 2fe3646fb1e46025b9465595a97795be57722357/' ssh-sha1 >late-parent
sed 's/^author/author <x> <y>/' ssh-sha1 >angles
sed 's/^gpgsig/note x\n continued\n&/' openpgp-sha1 >note
sed 's/$/\r/' unsigned-sha1 >carriage-returns
cd "$seeds/tag"
cat ssh-sha1 "$seeds/armor/dave" >two
{ cat ssh-sha1; printf 'more\n'; } >followed
sed 's/^tagger/tagger x <y> 1 +0\n&/' ssh-sha1 >two-taggers
sed '/^tagger/d' openpgp-sha1 >no-tagger
sed '/^tagger/r /dev/stdin' openpgp-sha1 <"$made/header" >header
cd "$seeds/push_certificate"
sed 's/^nonce.*/&\n&/' ssh-sha1 >two-nonces
sed 's/^pusher.*/pusher x  +0000/' openpgp-sha1 >no-time
cat ssh-sha1 "$seeds/armor/dave" >two-signatures
sed '/^pushee/d' openpgp-sha1 >no-pushee
cd "$seeds/ref_updates"
cat ssh-sha1 ssh-sha1 >twice
printf '%s %s refs/heads/caf\351\n' "$(printf '%040d' 1)" "$(printf '%040d' 2)" >latin
printf '%s %s main\n' "$(printf '%040d' 1)" "$(printf '%040d' 2)" >short-name
printf '%s %s refs/approvals/refs/heads/main/%s/bob\n' "$(printf '%040d' 0)" "$(printf '%040d' 2)" "$(printf '%040d' 1)" >approval
printf '%s %s refs/emergencies/INC-7/1\n' "$(printf '%040d' 0)" "$(printf '%040d' 2)" >emergency
