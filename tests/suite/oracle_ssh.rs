//! `allowed_signers`, as we read it and as `ssh-keygen -Y verify` does: the same lines, keys and moments, both answers.

use countersign::{
    object::{Signed, Slot},
    push::Timestamp,
    registry::{Attribution, Registry, VerifyTime, When},
    signature::{self, Certificates, Signature},
    trusted::TrustedFiles,
};
use jiff::tz::TimeZone;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};
use tempfile::TempDir;

/// Summer time at the judged moment, 2026-07-01T12:00:00Z.
const ZONE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";
const MOMENT: &str = "20260701120000Z";
const SECONDS: i64 = 1_782_907_200;

/// Who may be asked for.
const PEOPLE: &[&str] =
    &["alice@example.com", "bob@example.com", "ALICE@example.com", "carol@example.org", "alice b", "alice"];

/// A signed message, and a registry that consists of nothing but `allowed_signers`.
struct Ground {
    folder: TempDir,
}

impl Ground {
    fn new() -> Self {
        let ground = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(ground.path("registry")).unwrap();
        fs::write(ground.path("message"), "what was signed\n").unwrap();
        ground
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("ssh-keygen");
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.folder.path()).env("TZ", ZONE);
        command.stdin(fs::File::open(self.path("message")).unwrap()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.output().unwrap()
    }

    fn done(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Makes a key; gives its public half, as a line has it.
    fn key(&self, name: &str, algorithm: &str) -> String {
        self.done(&["-q", "-t", algorithm, "-N", "", "-C", "", "-f", name]);
        fs::read_to_string(self.path(&format!("{name}.pub"))).unwrap().trim().to_owned()
    }

    /// Signs the message with the key whose public half, or certificate, is in this file.
    fn sign(&self, public: &str) -> Signature {
        let _ = fs::remove_file(self.path("message.sig"));
        self.done(&["-q", "-Y", "sign", "-n", "git", "-f", public, "message"]);
        let armor = fs::read(self.path("message.sig")).unwrap();
        fs::copy(self.path("message.sig"), self.path(&format!("{public}.sig"))).unwrap();
        let slot = Slot::One(Signed { payload: b"what was signed\n".into(), signature: armor.into() });
        let signature = signature::verify(&slot, &Certificates::default());
        assert!(matches!(signature, Signature::Verified(_)), "{signature:?}");
        signature
    }

    fn allow(&self, lines: &[u8]) {
        fs::write(self.path("registry/allowed_signers"), lines).unwrap();
    }

    fn ours(&self, signature: &Signature) -> Attribution {
        let files = TrustedFiles::new(&[]).unwrap();
        let zone = TimeZone::posix(ZONE).unwrap();
        let registry = Registry::load(&files, &self.path("registry"), &[], &zone).unwrap();
        let now = Timestamp(SECONDS);
        let when = When { now, received: None, verify_time: VerifyTime::Receipt, grace: 0, stated: None };
        let from_some_lines = registry.attribute(signature, &when);
        // This reads all lines, and a judgement is then made from them.
        registry.check(now);
        let from_all_lines = registry.attribute(signature, &when);
        assert_eq!(from_all_lines.status_name(), from_some_lines.status_name());
        assert_eq!(from_all_lines.signer(), from_some_lines.signer());
        from_some_lines
    }

    fn theirs(&self, public: &str, principal: &str) -> bool {
        let (time, signature) = (format!("verify-time={MOMENT}"), format!("{public}.sig"));
        let allowed = "registry/allowed_signers";
        let arguments = ["-Y", "verify", "-n", "git", "-I", principal, "-f", allowed, "-s", &signature, "-O", &time];
        self.run(&arguments).status.success()
    }
}

/// The same numbers every time (Knuth's MMIX generator).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    pub fn one<'l>(&mut self, of: &[&'l str]) -> &'l str {
        of[self.below(of.len())]
    }
}

const PRINCIPALS: &[&str] = &[
    "alice@example.com",
    "alice@example.com",
    "bob@example.com",
    "*@example.com",
    "\"alice@example.com\"",
    "*",
    "!bob@example.com,*@example.com",
    "*@example.com,!alice@example.com",
    "al?ce@example.com",
    "ALICE@example.com",
    "alice@example.com,carol@example.org",
    "carol@example.org,!carol@example.org",
    "\"alice b\"",
    "\"alice b",
    "alice\"",
    "alice@\"example.com\"",
    "!alice@example.com",
    ",alice@example.com,",
    "\"\"",
    "*,!*",
    "?????",
    "!",
    "alice,,bob",
    "example.com\\,alice",
];

const OPTIONS: &[&str] = &[
    "namespaces=\"git\"",
    "NameSpaces=\"file,git\"",
    "namespaces=\"git*\"",
    "namespaces=\"!git,*\"",
    "namespaces=\"file\"",
    "namespaces=\"g?t\"",
    "namespaces=git",
    "namespaces=\"\"",
    "namespaces=\"\\\"git\"",
    "namespaces=\"file, git\"",
    "namespaces=\"git",
    "cert-authority",
    "CERT-Authority",
    "cert-authorityx",
    "no-touch-required",
    "verify-required",
    "valid-after=\"20260101\"",
    "valid-after=\"20260701\"",
    "valid-after=\"202607011300\"",
    "valid-after=\"202607011301\"",
    "valid-after=\"20260701120000Z\"",
    "valid-after=\"20260701120001Z\"",
    "Valid-After=\"20260701120000utc\"",
    "valid-before=\"20270101\"",
    "valid-before=\"202607011300\"",
    "valid-before=\"202607011259\"",
    "valid-before=\"20260701120000Z\"",
    "valid-before=\"20260701115959z\"",
    "valid-before=\"20260631\"",
    "valid-before=\"20261301\"",
    "valid-before=\"2026\"",
    "valid-before=\"19700101Z\"",
    "valid-before=20270101",
    "valid-before=\"20270101ZZ\"",
    "valid-before=\"20260632\"",
    "",
    "=",
    "valid-until=\"20270101\"",
];

/// One line, most of them not far from right.
fn line(dice: &mut Dice, keys: &[String]) -> String {
    if dice.below(12) == 0 {
        return dice
            .one(&["", "# a comment", "  # another", " \t", "alice@example.com", "alice@example.com ssh-ed25519"])
            .into();
    }
    let space = |dice: &mut Dice| dice.one(&[" ", " ", " ", "\t", "  ", " \t "]);
    let mut line = dice.one(&["", "", "", " ", "\t"]).to_owned();
    line += dice.one(PRINCIPALS);
    line += space(dice);
    let options: Vec<_> = (0..dice.below(4)).map(|_| dice.one(OPTIONS)).collect();
    if !options.is_empty() {
        line += &options.join(",");
        line += space(dice);
    }
    let key = &keys[dice.below(keys.len())];
    line += &match dice.below(20) {
        0 => key.replacen(' ', "\t ", 1),
        1 => key[..key.len() - 3].to_owned(),
        2 => key.replacen("ssh-", "shs-", 1),
        3 => key.split(' ').nth(1).unwrap().to_owned(),
        _ => key.clone(),
    };
    line + dice.one(&["", "", " a comment", " \"", " # x", "\tJ\u{fc}rgen", " "])
}

/// Principals that a line could be asked for, beside the people: its own patterns, filled in.
fn candidates(people: &[&str], lines: &str) -> Vec<String> {
    let mut candidates: Vec<String> = people.iter().map(|&person| person.to_owned()).collect();
    for word in lines.split(['\n', ',', '"', ' ', '\t']) {
        let filled = word.trim_start_matches('!').replace(['*', '?'], "x");
        if (word.contains(['*', '?']) || word.contains('\\')) && !candidates.contains(&filled) {
            candidates.push(filled);
        }
    }
    candidates
}

/// What the two are compared on, and how often it happened.
#[derive(Default, Debug)]
struct Tally {
    people: &'static [&'static str],
    both_grant: usize,
    both_refuse: usize,
    /// Two people have the key: OpenSSH takes whomever it is asked for.
    two_signers: usize,
}

impl Tally {
    fn compare(&mut self, ground: &Ground, public: &str, signature: &Signature, lines: &str) {
        match ground.ours(signature) {
            Attribution::Good(signer) => {
                let id = &signer.id().0;
                let named = !id.starts_with("SHA256:");
                let theirs = match named {
                    true => ground.theirs(public, id),
                    false => candidates(self.people, lines).iter().any(|principal| ground.theirs(public, principal)),
                };
                assert!(theirs, "we grant it to {id}, ssh-keygen does not:\n{lines}");
                self.both_grant += 1;
            }
            Attribution::NotGood(fault) => {
                let two = fault.detail.as_ref().is_some_and(|detail| detail.starts_with("resolves to"));
                let granted: Vec<_> = candidates(self.people, lines)
                    .into_iter()
                    .filter(|principal| ground.theirs(public, principal))
                    .collect();
                assert_eq!(!granted.is_empty(), two, "{granted:?}, and we: {fault:?}\n{lines}");
                if two { self.two_signers += 1 } else { self.both_refuse += 1 }
            }
            Attribution::Unsigned => panic!("it is signed"),
        }
    }
}

#[test]
fn a_line_grants_what_ssh_keygen_says_it_grants() {
    let ground = Ground::new();
    let keys = [ground.key("own", "ed25519"), ground.key("other", "ecdsa")];
    let signature = ground.sign("own.pub");
    let own = vec![keys[0].clone(), keys[0].clone(), keys[0].clone(), keys[1].clone()];
    let (mut dice, mut tally) = (Dice(1), Tally { people: PEOPLE, ..Tally::default() });
    for round in 0..240 {
        let end = dice.one(&["\n", "\n", "\r\n"]);
        let count = if round % 3 == 0 { 1 + dice.below(3) } else { 1 };
        let lines: String = (0..count).map(|_| line(&mut dice, &own) + end).collect();
        let lines = if dice.below(6) == 0 { lines.trim_end_matches(['\r', '\n']).to_owned() } else { lines };
        ground.allow(lines.as_bytes());
        tally.compare(&ground, "own.pub", &signature, &lines);
    }
    assert!(tally.both_grant > 40 && tally.both_refuse > 40 && tally.two_signers > 0, "{tally:?}");
}

#[test]
fn every_option_alone_does_what_ssh_keygen_says_it_does() {
    let ground = Ground::new();
    let key = ground.key("own", "ed25519");
    let signature = ground.sign("own.pub");
    let mut tally = Tally { people: PEOPLE, ..Tally::default() };
    for option in OPTIONS {
        let lines = format!("alice@example.com {option} {key}\n");
        ground.allow(lines.as_bytes());
        tally.compare(&ground, "own.pub", &signature, &lines);
    }
    assert!(tally.both_grant > 10 && tally.both_refuse > 10, "{tally:?}");
}

#[test]
fn every_principal_alone_means_whom_ssh_keygen_says_it_means() {
    let ground = Ground::new();
    let key = ground.key("own", "ed25519");
    let signature = ground.sign("own.pub");
    let mut tally = Tally { people: PEOPLE, ..Tally::default() };
    for principals in PRINCIPALS {
        let lines = format!("{principals} {key}\n");
        ground.allow(lines.as_bytes());
        tally.compare(&ground, "own.pub", &signature, &lines);
    }
    assert!(tally.both_grant > 10 && tally.both_refuse > 3, "{tally:?}");
}

#[test]
fn bytes_that_are_no_text_matter_in_principals_alone() {
    let ground = Ground::new();
    let key = ground.key("own", "ed25519");
    let signature = ground.sign("own.pub");
    let good = |line: &[u8]| {
        ground.allow(line);
        matches!(ground.ours(&signature), Attribution::Good(_))
    };
    let line = [b"alice ", key.as_bytes(), b" J\xfcrgen\n"].concat();
    assert!(good(&line) && ground.theirs("own.pub", "alice"));
    // OpenSSH compares bytes; an id has to be text.
    let line = [b"J\xfcrgen ", key.as_bytes(), b"\n"].concat();
    assert!(!good(&line));
    let line = [b"\xef\xbb\xbfalice ", key.as_bytes(), b"\n"].concat();
    assert!(!good(&line) && !ground.theirs("own.pub", "alice"));
}

#[test]
fn every_algorithm_is_read() {
    let ground = Ground::new();
    for algorithm in ["ed25519", "ecdsa", "rsa"] {
        let key = ground.key(algorithm, algorithm);
        let public = format!("{algorithm}.pub");
        let signature = ground.sign(&public);
        for (lines, good) in [(format!("alice {key}\n"), true), (format!("alice cert-authority {key}\n"), false)] {
            ground.allow(lines.as_bytes());
            assert_eq!(matches!(ground.ours(&signature), Attribution::Good(_)), good, "{lines}");
            assert_eq!(ground.theirs(&public, "alice"), good, "{lines}");
        }
    }
}

/// Certificates of the key `own`, and what makes each of them special.
const CERTIFICATES: &[(&str, &[&str])] = &[
    ("plain", &["-n", "alice@example.com", "-V", "20260101000000Z:20270101000000Z"]),
    ("for-ever", &["-n", "alice@example.com", "-V", "always:forever"]),
    ("ends-now", &["-n", "alice@example.com", "-V", "20260101000000Z:20260701120000Z"]),
    ("ends-next", &["-n", "alice@example.com", "-V", "20260101000000Z:20260701120001Z"]),
    ("begins-now", &["-n", "alice@example.com", "-V", "20260701120000Z:20270101000000Z"]),
    ("begins-next", &["-n", "alice@example.com", "-V", "20260701120001Z:20270101000000Z"]),
    ("two-names", &["-n", "alice@example.com,carol@example.org", "-V", "always:forever"]),
    ("no-name", &["-V", "always:forever"]),
    ("a-pattern", &["-n", "*@example.com", "-V", "always:forever"]),
    ("host", &["-h", "-n", "alice@example.com", "-V", "always:forever"]),
    ("force-command", &["-n", "alice@example.com", "-V", "always:forever", "-O", "force-command=true"]),
    ("source-address", &["-n", "alice@example.com", "-V", "always:forever", "-O", "source-address=10.0.0.0/8"]),
];

#[test]
fn a_certificate_counts_where_ssh_keygen_says_it_does() {
    let ground = Ground::new();
    let authority = ground.key("authority", "ed25519");
    let key = ground.key("own", "ed25519");
    let stranger = ground.key("stranger", "ed25519");
    let lines: Vec<String> = [
        format!("alice@example.com cert-authority {authority}\n"),
        format!("*@example.com cert-authority,namespaces=\"git\" {authority}\n"),
        format!("* cert-authority {authority}\n"),
        format!("bob@example.com cert-authority {authority}\n"),
        format!("!alice@example.com,* cert-authority {authority}\n"),
        format!("ALICE@example.com cert-authority {authority}\n"),
        format!("* cert-authority,namespaces=\"file\" {authority}\n"),
        format!("* cert-authority,valid-before=\"20260701115959Z\" {authority}\n"),
        format!("* cert-authority,valid-before=\"20260701120000Z\" {authority}\n"),
        format!("* cert-authority,valid-after=\"20260701120001Z\" {authority}\n"),
        format!("* {authority}\n"),
        format!("* cert-authority {stranger}\n"),
        format!("bob@example.com cert-authority {authority}\ncarol@example.org cert-authority {authority}\n"),
        // The certified key itself is another matter.
        format!("alice@example.com {key}\n"),
        format!("alice@example.com cert-authority {key}\n"),
    ]
    .into();
    let mut tally = Tally { people: &["alice@example.com", "carol@example.org", "*@example.com"], ..Tally::default() };
    for (name, arguments) in CERTIFICATES {
        let certificate = format!("{name}-cert.pub");
        fs::copy(ground.path("own"), ground.path(name)).unwrap();
        fs::copy(ground.path("own.pub"), ground.path(&format!("{name}.pub"))).unwrap();
        let public = format!("{name}.pub");
        ground.done(&[&["-q", "-s", "authority", "-I", "test"], *arguments, &[&public]].concat());
        let signature = ground.sign(&certificate);
        for lines in &lines {
            ground.allow(lines.as_bytes());
            tally.compare(&ground, &certificate, &signature, lines);
        }
    }
    assert!(tally.both_grant > 20 && tally.both_refuse > 50 && tally.two_signers > 0, "{tally:?}");
}

/// Where we refuse what `ssh-keygen` takes: it leaves critical options to sshd, which knows who logs in and from where.
#[test]
fn an_unknown_critical_option_is_refused_although_ssh_keygen_passes_over_it() {
    let ground = Ground::new();
    let authority = ground.key("authority", "ed25519");
    ground.key("own", "ed25519");
    ground.allow(format!("alice cert-authority {authority}\n").as_bytes());
    for (option, status) in [
        ("extension:login@example.com", "good"),
        ("critical:only-on-mondays@example.com", "unsupported"),
        ("critical:verify-required", "bad"),
    ] {
        ground.done(&["-q", "-s", "authority", "-I", "test", "-n", "alice", "-O", option, "own.pub"]);
        let signature = ground.sign("own-cert.pub");
        assert_eq!(ground.ours(&signature).status_name(), status, "{option}");
        assert!(ground.theirs("own-cert.pub", "alice"), "{option}");
    }
}

#[test]
fn a_revoked_key_revokes_what_ssh_keygen_says_it_revokes() {
    let ground = Ground::new();
    let authority = ground.key("authority", "ed25519");
    let (own, other) = (ground.key("own", "ed25519"), ground.key("other", "ecdsa"));
    ground.done(&["-q", "-s", "authority", "-I", "test", "-z", "7", "-n", "alice", "own.pub"]);
    let (plain, certified) = (ground.sign("own.pub"), ground.sign("own-cert.pub"));
    ground.allow(format!("alice {own}\nalice cert-authority {authority}\n").as_bytes());
    let revoked = "registry/revoked_keys";
    let binary = |authority: &str, specification: &str| {
        fs::write(ground.path("specification"), specification).unwrap();
        ground.done(&["-q", "-k", "-f", revoked, "-s", authority, "specification"]);
        fs::read(ground.path(revoked)).unwrap()
    };
    for (list, plain_counts, certified_counts) in [
        (Vec::new(), true, true),
        (format!("# {own}\n\n{other} a comment\n").into(), true, true),
        (format!("{other}\r\n{own}\r\n").into(), false, false),
        (format!("\t{authority}\n").into(), true, false),
        (binary("none", ""), true, true),
        (binary("none", &format!("key: {own}\n")), false, false),
        (binary("none", &format!("sha1: {authority}\n")), true, false),
        (binary("authority.pub", "serial: 7\n"), true, false),
        (binary("authority.pub", "serial: 1-6\nserial: 8-9\n"), true, true),
        (binary("other.pub", "serial: 7\nid: test\n"), true, true),
        (binary("none", "id: test\n"), true, false),
    ] {
        fs::write(ground.path(revoked), &list).unwrap();
        let list = list.escape_ascii();
        for (public, signature, counts) in
            [("own.pub", &plain, plain_counts), ("own-cert.pub", &certified, certified_counts)]
        {
            let status = if counts { "good" } else { "key-revoked" };
            assert_eq!(ground.ours(signature).status_name(), status, "{public}: {list}");
            let time = format!("verify-time={MOMENT}");
            let armor = format!("{public}.sig");
            let theirs = ground.run(&[
                "-Y",
                "verify",
                "-n",
                "git",
                "-I",
                "alice",
                "-f",
                "registry/allowed_signers",
                "-s",
                &armor,
                "-r",
                revoked,
                "-O",
                &time,
            ]);
            assert_eq!(theirs.status.success(), counts, "{public}: {list}");
        }
    }
    let broken = |path: &Path| {
        let files = TrustedFiles::new(&[]).unwrap();
        Registry::load(&files, path, &[], &TimeZone::UTC).unwrap_err().to_string()
    };
    fs::write(ground.path(revoked), "garbage\n").unwrap();
    assert!(broken(&ground.path("registry")).contains("line 1 has no key"));
    // OpenSSH takes this for the key that is certified.
    fs::copy(ground.path("own-cert.pub"), ground.path(revoked)).unwrap();
    assert!(broken(&ground.path("registry")).contains("line 1 has no readable key: it is a certificate, not a key"));
    fs::write(ground.path(revoked), b"SSHKRL\n\0\0\0\0\x02").unwrap();
    assert!(broken(&ground.path("registry")).contains("its header says format version 2"));
}
