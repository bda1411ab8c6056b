//! Key revocation lists, as we read them and as `ssh-keygen -Q` does: the same lists, keys and certificates, both answers.

use crate::oracle_ssh::Dice;
use countersign::{
    registry::Revocations,
    signature::ssh::{Certificate, PublicKey},
};
use ssh_key::encoding::base64::{Base64, Encoding};
use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Output},
};
use tempfile::TempDir;

/// What is asked for, in a file.
enum Subject {
    Key(PublicKey),
    Certificate(Box<Certificate>),
}

/// A folder of keys, authorities and certificates.
struct Ground {
    folder: TempDir,
    /// File names and what they hold.
    subjects: Vec<(String, Subject)>,
    authorities: Vec<String>,
}

const SERIALS: [u64; 14] = [0, 1, 2, 5, 8, 13, 63, 64, 65, 1000, 1 << 32, (1 << 32) + 7, u64::MAX - 1, u64::MAX];

const IDS: [&str; 9] = ["", "laptop", "a", "A", "two words", "Jürgen’s", "#1", " spaces ", "*"];

impl Ground {
    /// Of every type.
    fn new() -> Self {
        let mut ground = Self::of(&["ed25519", "p256", "p521", "rsa", "dsa"], &["ca-p256", "ca-rsa", "ca-ed25519"]);
        ground.security_keys();
        ground.certificates(&["ed25519", "p256", "p521", "rsa", "dsa", "sk-ed25519", "sk-p256"]);
        ground
    }

    fn small() -> Self {
        let mut ground = Self::of(&["ed25519", "p256"], &["ca-p256"]);
        ground.certificates(&["ed25519"]);
        ground
    }

    fn of(keys: &[&str], authorities: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authorities: Vec<String> = authorities.iter().map(|&name| name.to_owned()).collect();
        let mut ground = Self { folder, subjects: Vec::new(), authorities: authorities.clone() };
        for name in keys.iter().copied().chain(authorities.iter().map(String::as_str)) {
            let options: &[&str] = match name.trim_start_matches("ca-") {
                "p256" => &["-t", "ecdsa", "-b", "256"],
                "p521" => &["-t", "ecdsa", "-b", "521"],
                "rsa" => &["-t", "rsa", "-b", "2048"],
                other => &["-t", other],
            };
            ground.done(&[&["-q", "-N", "", "-C", "", "-f", name], options].concat());
            ground.add(&format!("{name}.pub"));
        }
        ground
    }

    /// Every serial of every authority; few of the one that takes OpenSSH long to verify.
    fn certificates(&mut self, keys: &[&str]) {
        let (authorities, mut number) = (self.authorities.clone(), 0);
        for authority in &authorities {
            for serial in SERIALS.into_iter().step_by(if authority == "ca-ed25519" { 5 } else { 1 }) {
                self.certify(authority, keys[number % keys.len()], serial, IDS[number % IDS.len()]);
                number += 1;
            }
        }
    }

    /// A security key's public half says nothing that only a token could make (OpenSSH's PROTOCOL.u2f).
    fn security_keys(&mut self) {
        let point = |file: &str| fields(&self.blob(file)).pop().unwrap();
        let (ed25519, p256) = (point("ed25519.pub"), point("p256.pub"));
        for (name, fields) in [
            ("sk-ed25519", [&b"sk-ssh-ed25519@openssh.com"[..], &ed25519, b"ssh:"].to_vec()),
            ("sk-p256", [&b"sk-ecdsa-sha2-nistp256@openssh.com"[..], b"nistp256", &p256, b"ssh:"].to_vec()),
        ] {
            let algorithm = std::str::from_utf8(fields[0]).unwrap();
            let blob: Vec<u8> = fields.iter().flat_map(|field| string(field)).collect();
            self.write(&format!("{name}.pub"), format!("{algorithm} {}\n", Base64::encode_string(&blob)).as_bytes());
            self.add(&format!("{name}.pub"));
        }
    }

    fn certify(&mut self, authority: &str, key: &str, serial: u64, id: &str) {
        self.done(&["-q", "-s", authority, "-z", &serial.to_string(), "-I", id, "-n", "x", &format!("{key}.pub")]);
        let file = format!("{}-cert.pub", self.subjects.len());
        fs::rename(self.folder.path().join(format!("{key}-cert.pub")), self.folder.path().join(&file)).unwrap();
        self.add(&file);
    }

    fn add(&mut self, file: &str) {
        let blob = self.blob(file);
        let subject = match file.contains("-cert") {
            true => Subject::Certificate(Box::new(Certificate::from_blob(&blob).unwrap())),
            false => Subject::Key(PublicKey::from_blob(&blob).unwrap()),
        };
        self.subjects.push((file.into(), subject));
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.folder.path().join(file)).unwrap()
    }

    fn blob(&self, file: &str) -> Vec<u8> {
        Base64::decode_vec(self.read(file).split_whitespace().nth(1).unwrap()).unwrap()
    }

    fn write(&self, file: &str, bytes: &[u8]) {
        fs::write(self.folder.path().join(file), bytes).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("ssh-keygen");
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.folder.path());
        command.output().unwrap()
    }

    fn done(&self, arguments: &[&str]) {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Makes a list, or adds to it; `authority`: a file, or `none`.
    fn list(&self, more: bool, authority: &str, specification: &str, arguments: &[&str]) -> Vec<u8> {
        self.write("specification", specification.as_bytes());
        let update: &[&str] = if more { &["-u"] } else { &[] };
        self.done(&[&["-q", "-k", "-f", "krl", "-s", authority], update, &["specification"], arguments].concat());
        fs::read(self.folder.path().join("krl")).unwrap()
    }

    /// What ssh-keygen says of each subject; `None`: the list is none.
    fn theirs(&self, list: &[u8]) -> Option<Vec<bool>> {
        self.write("krl", list);
        let files: Vec<_> = self.subjects.iter().map(|(file, _)| file.as_str()).collect();
        let output = self.run(&[&["-Q", "-f", "krl"], &*files].concat());
        if output.status.code() == Some(255) {
            assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
            return None;
        }
        let told = String::from_utf8(output.stdout).unwrap();
        let revoked = files.iter().zip(told.lines()).map(|(file, line)| {
            let (about, verdict) = line.rsplit_once(": ").unwrap();
            assert!(about.starts_with(file) && ["ok", "REVOKED"].contains(&verdict), "{line}");
            verdict == "REVOKED"
        });
        Some(revoked.collect())
    }

    fn ours(&self, list: &Revocations) -> Vec<bool> {
        let revoked = |subject: &Subject| match subject {
            Subject::Key(key) => list.holds(key),
            Subject::Certificate(certificate) => list.of_certificate(certificate).is_some(),
        };
        self.subjects.iter().map(|(_, subject)| revoked(subject)).collect()
    }

    /// How many are revoked, in which both agree.
    fn compare(&self, list: &[u8], about: &str) -> usize {
        let ours = self.ours(&Revocations::read(list).unwrap());
        let theirs = self.theirs(list).unwrap();
        for ((file, _), (ours, theirs)) in self.subjects.iter().zip(ours.iter().zip(&theirs)) {
            assert_eq!(ours, theirs, "{file}:\n{about}\n{}", list.escape_ascii());
        }
        ours.into_iter().filter(|&revoked| revoked).count()
    }

    /// The line of one of the subjects.
    fn line(&self, dice: &mut Dice) -> String {
        self.read(&self.subjects[dice.below(self.subjects.len())].0).trim_end().to_owned()
    }

    /// Some revocations, as a specification has them.
    fn revocations(&self, dice: &mut Dice) -> String {
        let serial = |dice: &mut Dice| SERIALS[1 + dice.below(SERIALS.len() - 1)];
        match dice.below(12) {
            0 | 1 => format!("serial: {}\n", serial(dice)),
            2 => format!("serial: {:#x}\n", serial(dice)),
            3 | 4 => {
                // A range of one is none to ssh-keygen.
                let (one, two) = (serial(dice), serial(dice));
                if one == two {
                    format!("serial: {one}\n")
                } else {
                    format!("serial: {}-{}\n", one.min(two), one.max(two))
                }
            }
            // So many that they become a bitmap.
            5 | 6 => {
                let from = serial(dice).saturating_sub(30).max(1);
                let dense = (0..60).filter(|_| dice.below(3) > 0).filter_map(|step| from.checked_add(step));
                dense.map(|serial| format!("serial: {serial}\n")).collect()
            }
            7 => format!("id: {}\n", dice.one(&["laptop", "a", "two words", "Jürgen’s", "*", "nobody's"])),
            8 => format!("{}: {}\n", dice.one(&["key", "sha1", "sha256"]), self.line(dice)),
            9 => {
                let file = self.subjects[dice.below(self.subjects.len())].0.clone();
                let told = String::from_utf8(self.run(&["-l", "-f", &file]).stdout).unwrap();
                format!("hash: {}\n", told.split(' ').nth(1).unwrap())
            }
            // A certificate is revoked by its serial, or by its id if it has none.
            10 => format!("{}\n", self.line(dice)),
            _ => "# a comment\n\n".into(),
        }
    }
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// The string at the beginning, and what follows.
fn first(bytes: &[u8]) -> (&[u8], &[u8]) {
    let length = u32::from_be_bytes(bytes[..4].try_into().unwrap());
    bytes[4..].split_at(usize::try_from(length).unwrap())
}

fn fields(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let (field, rest) = first(bytes);
        fields.push(field.to_vec());
        bytes = rest;
    }
    fields
}

/// The sections of a list, and those within its sections of certificates.
fn sections(list: &[u8]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let (_reserved, rest) = first(&list[36..]);
    let (_comment, mut rest) = first(rest);
    while let Some((&kind, after)) = rest.split_first() {
        let (data, after) = first(after);
        rest = after;
        found.insert(format!("{kind}"));
        if kind == 1 {
            let (authority, inner) = first(data);
            found.insert(if authority.is_empty() { "any authority" } else { "an authority" }.into());
            let (_reserved, mut inner) = first(inner);
            while let Some((&kind, after)) = inner.split_first() {
                inner = first(after).1;
                found.insert(format!("{kind:#x}"));
            }
        }
    }
    found
}

#[test]
fn a_list_revokes_what_ssh_keygen_says_it_revokes() {
    let ground = Ground::new();
    let mut dice = Dice(4);
    let (mut seen, mut revoked, mut asked) = (BTreeSet::new(), 0, 0);
    for _ in 0..60 {
        let (mut list, mut about) = (Vec::new(), String::new());
        for step in 0..1 + dice.below(3) {
            let authority = dice.one(&["ca-p256.pub", "ca-rsa.pub", "ca-ed25519.pub", "none"]);
            let specification: String = (0..1 + dice.below(3)).map(|_| ground.revocations(&mut dice)).collect();
            let file = ground.subjects[dice.below(ground.subjects.len())].0.clone();
            let arguments: &[&str] = if dice.below(6) == 0 { &[&file] } else { &[] };
            list = ground.list(step > 0, authority, &specification, arguments);
            about += &format!("-s {authority} {arguments:?}\n{specification}");
        }
        revoked += ground.compare(&list, &about);
        asked += ground.subjects.len();
        seen.extend(sections(&list));
    }
    let all = ["0x20", "0x21", "0x22", "0x23", "1", "2", "3", "5", "an authority", "any authority"];
    assert_eq!(seen, all.map(str::to_owned).into());
    assert!(revoked > 300 && asked - revoked > 300, "{revoked} of {asked}");
}

#[test]
fn all_serials_but_none_are_every_numbered_certificate() {
    let ground = Ground::small();
    let list = ground.list(false, "none", "serial: 1-18446744073709551615\n", &[]);
    let numbered = SERIALS.iter().filter(|&&serial| serial > 0).count();
    assert_eq!(ground.compare(&list, "all serials"), numbered);
}

/// Why we do not read what `ssh-keygen` reads: it compares what is no plain key with keys all the same.
const STRICTER: &[&str] = &["has a key that is not whole", "has a text with a NUL byte"];

#[test]
fn a_list_with_a_wrong_byte_is_read_as_ssh_keygen_reads_it_or_not_at_all() {
    let ground = Ground::small();
    let specification = format!(
        "serial: 1-8\nserial: 63\nserial: 65\nserial: 67\nserial: 1000\nid: laptop\nkey: {}sha1: {}sha256: {}",
        ground.read("ed25519.pub"),
        ground.read("p256.pub"),
        ground.read("p256.pub")
    );
    ground.list(false, "ca-p256.pub", &specification, &[]);
    let list = ground.list(true, "none", "id: a\nserial: 5\nserial: 64\n", &[]);
    let authority = ground.blob("ca-p256.pub");
    let point_end = (0..list.len()).find(|&at| list[..at].ends_with(&authority)).unwrap();
    let point = point_end - 64..point_end;
    let (mut dice, mut both_read, mut neither, mut stricter) = (Dice(9), 0, 0, 0);
    for _ in 0..120 {
        let (mut changed, at) = (list.clone(), 8 + dice.below(list.len() - 8));
        changed[at] = match dice.below(3) {
            0 => changed[at].wrapping_add(1),
            1 => 0,
            _ => changed[at] ^ 1 << dice.below(8),
        };
        match (Revocations::read(&changed), ground.theirs(&changed)) {
            (Ok(ours), Some(theirs)) => {
                assert_eq!(ground.ours(&ours), theirs, "{at}: {}", changed.escape_ascii());
                both_read += 1;
            }
            (Err(_), None) => neither += 1,
            (Err(why), Some(_)) => {
                assert!(STRICTER.iter().any(|known| why.ends_with(known)), "{at}: {why}");
                stricter += 1;
            }
            // An authority whose point is on no curve: it has certified nothing.
            (Ok(_), None) if point.contains(&at) => neither += 1,
            (Ok(_), None) => panic!("ssh-keygen does not read it: {at}: {}", changed.escape_ascii()),
        }
    }
    assert!(both_read > 30 && neither > 30 && stricter < 15, "{both_read} {neither} {stricter}");
}

/// Where we read what `ssh-keygen` does not: it writes larger bitmaps than it takes.
#[test]
fn a_bitmap_of_more_than_16384_bits_is_read_although_ssh_keygen_does_not_read_it() {
    let ground = Ground::small();
    let odd = |most: u64| (1..=most).step_by(2).map(|serial| format!("serial: {serial}\n")).collect::<String>();
    let list = ground.list(false, "none", &odd(16_384), &[]);
    let all = ground.compare(&list, "odd serials");
    assert!(sections(&list).contains("0x22") && all > 0);
    let list = ground.list(false, "none", &odd(16_386), &[]);
    assert!(sections(&list).contains("0x22") && ground.theirs(&list).is_none());
    let revoked = ground.ours(&Revocations::read(&list).unwrap());
    assert_eq!(revoked.into_iter().filter(|&revoked| revoked).count(), all);
}
