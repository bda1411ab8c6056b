//! Commits and tags that real clients signed, judged by the program. `fixtures/wild` holds them, with the registry that
//! knows their keys and a manifest of what must come of each; `make.sh` there made them. No client is needed here.

mod against_git;

use crate::support::{World, objects, run, set_mode};
use countersign::{
    object::{Commit, Tag},
    push::ObjectFormat,
    registry::Status,
    signature::{self, Certificates, Signature, UserCheck},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, iter,
    path::{Path, PathBuf},
};

/// After everything was signed, and before the keys' later days.
const JUDGED_AT: &str = "2026-06-01T00:00:00Z";

/// What real clients do that must be accepted: each as a commit and as a tag.
const ACCEPTED: &[(&str, &[&str])] = &[
    ("gpg-2.2", GPG),
    ("gpg-2.4", GPG),
    ("sq-1.3", &["v4-cv25519", "v4-rsa3k", "v4-rsa4k", "v6-cv25519", "v6-rsa3k", "v6-rsa4k"]),
    ("gpg-sq-0.13", &["rsa3072", "ed25519", "nistp256", "signing-subkey"]),
    ("ssh-9.2", SSH),
    ("ssh-10.0", SSH),
];

const GPG: &[&str] = &[
    "rsa2048",
    "rsa3072",
    "rsa4096",
    "ed25519",
    "nistp256",
    "nistp384",
    "nistp521",
    "signing-subkey-ed25519",
    "signing-subkey-rsa3072",
    "renewed",
];

const SSH: &[&str] = &[
    "rsa2048",
    "rsa3072",
    "rsa4096",
    "ecdsa256",
    "ecdsa384",
    "ecdsa521",
    "ed25519",
    "agent",
    "agent-literal",
    "sk-ed25519-touch",
    "sk-ed25519-verify-required",
    "sk-ecdsa-touch",
    "sk-ecdsa-verify-required",
    "certificate",
    "certificate-rsa",
    "certificate-agent",
    "certificate-sk",
    "certificate-sk-verify",
    "certificate-restricted",
];

/// Clients that signed objects of every unusual kind.
const UNUSUAL: &[&str] = &["gpg-2.2", "gpg-2.4", "sq-1.3", "ssh-9.2", "ssh-10.0"];
const UNUSUAL_OBJECTS: &[&str] = &[
    "empty-message.commit",
    "empty-message.tag",
    "latin1-message.tag",
    "encoding-header.commit",
    "no-final-newline.commit",
    "mergetag.commit",
];

struct Fixture {
    /// `sha1/gpg-2.2-rsa2048.commit`: the format of the repository, client and what, the kind of object.
    file: String,
    client: String,
    what: String,
    verdict: Verdict,
}

/// As `verify --format porcelain` says it after the id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Verdict {
    status: String,
    format: String,
    fingerprint: String,
    signer: String,
}

impl Verdict {
    fn new(fields: &[&str]) -> Self {
        let [status, format, fingerprint, signer] = fields else { panic!("{fields:?}") };
        Self {
            status: (*status).into(),
            format: (*format).into(),
            fingerprint: (*fingerprint).into(),
            signer: (*signer).into(),
        }
    }
}

impl Fixture {
    fn kind(&self) -> &str {
        self.file.rsplit('.').next().unwrap()
    }

    fn object_format(&self) -> &str {
        self.file.split('/').next().unwrap()
    }

    fn bytes(&self) -> Vec<u8> {
        fs::read(folder().join(&self.file)).unwrap()
    }

    /// One bit of the payload is another: the last of the first digit of the tree's or tagged object's id that stays a
    /// digit. All headers keep their form.
    fn changed(&self) -> Vec<u8> {
        let mut bytes = self.bytes();
        let id = bytes.iter().position(|&byte| byte == b' ').unwrap() + 1;
        let digit = bytes[id..].iter().position(u8::is_ascii_digit).unwrap();
        bytes[id + digit] ^= 1;
        bytes
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/wild")
}

fn manifest() -> Vec<Fixture> {
    let text = fs::read_to_string(folder().join("manifest")).unwrap();
    let fixture = |line: &str| {
        let fields: Vec<_> = line.split('\t').collect();
        let [file, client, what] = fields[..3] else { panic!("{line}") };
        Fixture { file: file.into(), client: client.into(), what: what.into(), verdict: Verdict::new(&fields[3..]) }
    };
    text.lines().map(fixture).collect()
}

/// A repository of each object format, in whose clones the fixtures lie.
struct Wild {
    worlds: [World; 2],
}

impl Wild {
    fn new() -> Self {
        let worlds = ["sha1", "sha256"].map(World::of_format);
        for world in &worlds {
            world.registry(&[]);
            copy_registry(&folder().join("registry"), &world.registry_path());
        }
        Self { worlds }
    }

    fn world(&self, object_format: &str) -> &World {
        &self.worlds[usize::from(object_format == "sha256")]
    }

    /// The verdict on each of these, all of an object format at once.
    fn verdicts(&self, fixtures: &[Fixture], bytes: impl Fn(&Fixture) -> Vec<u8>) -> Vec<Verdict> {
        let mut ids = Vec::new();
        for fixture in fixtures {
            ids.push(objects::write(self.world(fixture.object_format()), fixture.kind(), &bytes(fixture)));
        }
        let mut found = BTreeMap::new();
        for (number, world) in self.worlds.iter().enumerate() {
            let length = [40, 64][number];
            let names: String = ids.iter().filter(|id| id.len() == length).map(|id| format!("{id}\n")).collect();
            let mut command = world.command(env!("CARGO_BIN_EXE_countersign"), &world.clone_path());
            command.args(["verify", "--format", "porcelain", "--stdin", "--at", JUDGED_AT, "--registry"]);
            command.arg(world.registry_path());
            let output = run(command, names.as_bytes());
            assert!(output.status.code().unwrap() < 2, "{}", String::from_utf8_lossy(&output.stderr));
            for line in String::from_utf8(output.stdout).unwrap().lines() {
                let fields: Vec<_> = line.split(' ').collect();
                found.insert(fields[0].to_owned(), Verdict::new(&fields[1..]));
            }
        }
        ids.iter().map(|id| found[id].clone()).collect()
    }
}

fn copy_registry(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if from.is_dir() {
            fs::create_dir(&to).unwrap();
            copy_registry(&from, &to);
            set_mode(&to, 0o755);
        } else {
            fs::copy(&from, &to).unwrap();
            set_mode(&to, 0o644);
        }
    }
}

#[test]
fn what_real_clients_signed_is_judged_as_the_manifest_says() {
    let fixtures = manifest();
    let verdicts = Wild::new().verdicts(&fixtures, Fixture::bytes);
    let mut wrong = Vec::new();
    for (fixture, verdict) in fixtures.iter().zip(verdicts) {
        if verdict != fixture.verdict {
            wrong.push(format!("{}, by {}:\n  {verdict:?}\n  {:?}", fixture.file, fixture.client, fixture.verdict));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_real_clients_signed_is_bad_with_one_bit_changed() {
    let good: Vec<_> = manifest().into_iter().filter(|fixture| fixture.verdict.status == "good").collect();
    assert!(good.len() > 150, "{}", good.len());
    let verdicts = Wild::new().verdicts(&good, Fixture::changed);
    for (fixture, verdict) in good.iter().zip(verdicts) {
        // Who signed what does not verify, nobody knows.
        let bad = Verdict { status: "bad".into(), signer: "-".into(), ..fixture.verdict.clone() };
        // A signature by a certified key does not verify, whoever certified it.
        assert_eq!(verdict, bad, "{}", fixture.file);
    }
}

#[test]
fn security_keys_say_how_they_checked_their_user() {
    let mut told = 0;
    for fixture in manifest() {
        let expected = match &*fixture.what {
            "sk-ed25519-touch" | "sk-ecdsa-touch" | "certificate-sk" => Some(UserCheck::Presence),
            "sk-ed25519-verify-required" | "sk-ecdsa-verify-required" | "certificate-sk-verify" => {
                Some(UserCheck::Verification)
            }
            _ => continue,
        };
        let (bytes, object_format) = (fixture.bytes(), fixture.object_format());
        let object_format = if object_format == "sha1" { ObjectFormat::Sha1 } else { ObjectFormat::Sha256 };
        let slot = match fixture.kind() {
            "commit" => Commit::parse(&bytes, object_format).unwrap().signature,
            _ => Tag::parse(&bytes, object_format).unwrap().signature,
        };
        let Signature::Verified(proof) = signature::verify(&slot, &Certificates::default()) else {
            panic!("{}", fixture.file)
        };
        assert_eq!(proof.user_check(), expected, "{}", fixture.file);
        told += 1;
    }
    assert!(told >= 24, "{told}");
}

#[test]
fn a_fixture_yields_each_status() {
    let yielded: BTreeSet<_> = manifest().into_iter().map(|fixture| fixture.verdict.status).collect();
    // Only gitsign's signatures, which are not verified yet, can be good but for their time.
    let of_gitsign_alone = [Status::TimeUnproven];
    let statuses = iter::successors(Some(Status::Bad), |status| after(*status));
    let expected: BTreeSet<_> = ["good", "unsigned"]
        .into_iter()
        .chain(statuses.filter(|status| !of_gitsign_alone.contains(status)).map(Status::name))
        .map(str::to_owned)
        .collect();
    assert_eq!(yielded, expected);
}

/// All statuses in their order; without a line for each, this does not compile.
fn after(status: Status) -> Option<Status> {
    Some(match status {
        Status::Bad => Status::UnknownKey,
        Status::UnknownKey => Status::KeyExpired,
        Status::KeyExpired => Status::CertificateExpired,
        Status::CertificateExpired => Status::KeyRevoked,
        Status::KeyRevoked => Status::KeyRetired,
        Status::KeyRetired => Status::KeyCompromised,
        Status::KeyCompromised => Status::KeyNotYetValid,
        Status::KeyNotYetValid => Status::SignatureExpired,
        Status::SignatureExpired => Status::SignatureInFuture,
        Status::SignatureInFuture => Status::Weak,
        Status::Weak => Status::Malformed,
        Status::Malformed => Status::Ambiguous,
        Status::Ambiguous => Status::Unsupported,
        Status::Unsupported => Status::TimeUnproven,
        Status::TimeUnproven => return None,
    })
}

#[test]
fn every_client_signed_with_everything_that_is_claimed() {
    let good: BTreeSet<_> =
        manifest().into_iter().filter(|fixture| fixture.verdict.status == "good").map(|fixture| fixture.file).collect();
    let mut missing = Vec::new();
    let mut want = |name: String| {
        if !good.contains(&name) {
            missing.push(name);
        }
    };
    for (client, whats) in ACCEPTED {
        for what in *whats {
            want(format!("sha1/{client}-{what}.commit"));
            want(format!("sha1/{client}-{what}.tag"));
        }
        for kind in ["commit", "tag"] {
            let of_sha256 = |name: &String| {
                let what = name.strip_prefix(&format!("sha256/{client}-")).and_then(|name| name.strip_suffix(kind));
                what.is_some_and(|what| whats.contains(&&what[..what.len() - 1]))
            };
            assert!(good.iter().any(of_sha256), "{client}: no {kind} of a SHA-256 repository");
        }
    }
    for client in UNUSUAL {
        for object in UNUSUAL_OBJECTS {
            want(format!("sha1/{client}-{object}"));
        }
        want(format!("sha256/{client}-mergetag.commit"));
    }
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn unusual_objects_are_what_their_names_say() {
    for fixture in manifest() {
        let bytes = fixture.bytes();
        let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        let message = bytes.windows(2).position(|window| window == b"\n\n").map(|at| &bytes[at + 2..]).unwrap();
        let is_as_named = match &*fixture.what {
            "empty-message" if fixture.kind() == "commit" => message.is_empty(),
            "empty-message" => message.starts_with(b"-----BEGIN "),
            "latin1-message" if fixture.kind() == "commit" => has("Köln".as_bytes()) && !has(b"\nencoding "),
            "latin1-message" | "not-utf8" => has(b"K\xf6ln") && !has(b"\nencoding "),
            "encoding-header" => has(b"K\xf6ln") && has(b"\nencoding ISO-8859-1\n"),
            "no-final-newline" => !bytes.ends_with(b"\n"),
            "mergetag" => {
                has(b"\nmergetag object ") && bytes.split(|&byte| byte == b'\n').nth(2).unwrap()[..7] == *b"parent "
            }
            _ => true,
        };
        assert!(is_as_named, "{}", fixture.file);
    }
}

#[test]
fn the_manifest_names_every_fixture_once_and_its_client_with_version() {
    let fixtures = manifest();
    let named: BTreeSet<_> = fixtures.iter().map(|fixture| fixture.file.clone()).collect();
    assert_eq!(named.len(), fixtures.len());
    let mut there = BTreeSet::new();
    for object_format in ["sha1", "sha256"] {
        for entry in fs::read_dir(folder().join(object_format)).unwrap() {
            there.insert(format!("{object_format}/{}", entry.unwrap().file_name().to_str().unwrap()));
        }
    }
    assert_eq!(named, there);
    for fixture in &fixtures {
        let name = fixture.file.split_once('/').unwrap().1;
        let (program, version) = fixture.client.split_once(' ').unwrap();
        let series = name.strip_suffix(&format!("-{}.{}", fixture.what, fixture.kind())).unwrap();
        let (named, series) = series.rsplit_once('-').unwrap();
        assert!(program.starts_with(named) && version.starts_with(series), "{name}: {}", fixture.client);
        assert!(program == "git" || version.contains("(git 2."), "{name}: {}", fixture.client);
    }
}
