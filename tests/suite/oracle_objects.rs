//! Our reading of commits and tags, against git: what it hands to the program that verifies signatures, which parents and
//! which subject it sees, for generated and mutated objects of both object formats.

use countersign::{
    object::{Commit, Malformed, Slot, Tag, parents_as_git_reads_them},
    push::ObjectFormat,
};
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};
use tempfile::TempDir;

/// Change it to look elsewhere; a failure names the object that caused it.
const SEED: u64 = 0x5eed_0b1e_c75a_11ed;

/// What we refuse although git hands a signature to its verifier, and why; names of headers left out. Each must occur.
const STRICTER: &[(&str, &str)] = &[
    ("several", "git checks one of the signatures, or all of them run together, and says nothing of the others"),
    ("begins with a continuation line", "git looks for headers further on"),
    ("continues a `…` header on a second line", "git reads the first line alone, and stops reading parents there"),
    ("has a NUL byte", "readers stop at it"),
    ("has a `…` header after `…`", "git does not see a parent there; some readers do"),
    ("has a `…` header before `…`", "git takes a signature there out of the payload, and stops reading parents at it"),
    ("has a `…` header that is not an object id of 40 digits", "git reads no tag, and verifies it all the same"),
    ("has a `…` header that is not an object id of 64 digits", "git reads no tag, and verifies it all the same"),
    ("has a `…` header with angle brackets besides those around the email address", "readers find different people"),
    ("has a `…` header without a value", "as a signature it is out of the payload, else readers differ"),
    ("has a header line that ends in a carriage return", "readers differ in whether it belongs to the value"),
    ("has a header that begins with `…` and is neither `…` nor `…`", "git takes it out of the payload"),
    ("has a signature among its headers", "git takes the headers and message behind it for a part of the signature"),
    ("has no `…` header", "git verifies what it would not read"),
    ("has no blank line after its headers", "git takes the object for one without a message"),
    ("has text after its signature", "git shows it, and some verifiers pass over it"),
    ("has two `…` headers", "readers differ in which of them they take"),
];

/// Stands in for gpg, gpgsm and ssh-keygen: keeps what git hands over, and calls no signature good.
const RECORDER: &str = r#"#!/bin/sh
while [ $# -gt 0 ]; do
    case $1 in
        find-principals) exit 1 ;;
        --verify | -s) signature=$2 ;;
    esac
    shift
done
cat >"$RECORD.payload"
cp "$signature" "$RECORD.signature"
exit 1
"#;

struct Oracle {
    folder: TempDir,
    format: ObjectFormat,
}

/// What git made of one object.
enum Seen {
    None,
    /// A signature that it dies of: because it does not know which program verifies it, or because the time that it tells
    /// ssh-keygen is too large.
    Died,
    Signed {
        payload: Vec<u8>,
        signature: Vec<u8>,
    },
}

impl Oracle {
    fn new(format: ObjectFormat) -> Self {
        let oracle = Self { folder: tempfile::tempdir().unwrap(), format };
        let recorder = oracle.path().join("recorder");
        fs::write(&recorder, RECORDER).unwrap();
        fs::set_permissions(&recorder, fs::Permissions::from_mode(0o755)).unwrap();
        let name = match format {
            ObjectFormat::Sha1 => "sha1",
            ObjectFormat::Sha256 => "sha256",
        };
        oracle.succeed(&["init", "--quiet", "--bare", "--object-format", name, "."]);
        for key in ["gpg.program", "gpg.x509.program", "gpg.ssh.program"] {
            oracle.succeed(&["config", key, recorder.to_str().unwrap()]);
        }
        oracle.succeed(&["config", "gpg.ssh.allowedSignersFile", "/dev/null"]);
        oracle
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn git(&self, arguments: &[&str]) -> Command {
        let mut git = Command::new("git");
        git.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.path());
        git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("LC_ALL", "C");
        git.current_dir(self.path()).args(arguments);
        git
    }

    fn succeed(&self, arguments: &[&str]) -> Output {
        let output = self.git(arguments).output().unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// Writes the objects and returns their ids.
    fn write(&self, kind: &str, objects: &[Vec<u8>]) -> Vec<String> {
        let mut paths = String::new();
        for (number, object) in objects.iter().enumerate() {
            let path = self.path().join(format!("{kind}-{number}"));
            fs::write(&path, object).unwrap();
            paths += &format!("{}\n", path.display());
        }
        let list = self.path().join("paths");
        fs::write(&list, paths).unwrap();
        let mut command = self.git(&["hash-object", "-w", "--literally", "-t", kind, "--no-filters", "--stdin-paths"]);
        let output = command.stdin(fs::File::open(list).unwrap()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let ids: Vec<_> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
        assert_eq!(ids.len(), objects.len());
        ids
    }

    fn signature(&self, command: &str, id: &str) -> Seen {
        let record = self.path().join(format!("record-{id}-{:?}", thread::current().id()));
        let output = self.git(&[command, id]).env("RECORD", &record).output().unwrap();
        let (payload, signature) = (record.with_extension("payload"), record.with_extension("signature"));
        match fs::read(&payload) {
            Ok(bytes) => {
                let seen = Seen::Signed { payload: bytes, signature: fs::read(&signature).unwrap() };
                fs::remove_file(payload).unwrap();
                fs::remove_file(signature).unwrap();
                seen
            }
            Err(_) => {
                let said = String::from_utf8_lossy(&output.stderr);
                let died = ["bad/incompatible signature", "Timestamp too large"].iter().any(|why| said.contains(why));
                if died { Seen::Died } else { Seen::None }
            }
        }
    }

    /// Parents and subject; `None` where git reads no commit.
    fn commit(&self, id: &str) -> Option<(Vec<String>, Vec<u8>)> {
        let output = self.git(&["log", "--no-walk", "--encoding=none", "--format=%P%x00%s", id]).output().unwrap();
        if !output.status.success() {
            return None;
        }
        let line = output.stdout.strip_suffix(b"\n").unwrap();
        let end = line.iter().position(|&byte| byte == 0).unwrap();
        let parents = std::str::from_utf8(&line[..end]).unwrap().split_whitespace().map(str::to_owned).collect();
        Some((parents, line[end + 1..].to_vec()))
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn one_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Makes objects of one format, line by line.
struct Generator {
    random: Random,
    format: ObjectFormat,
}

const ARMORS: &[&str] = &["PGP SIGNATURE", "PGP SIGNATURE", "PGP MESSAGE", "SIGNED MESSAGE", "SSH SIGNATURE"];

const MESSAGES: &[&[u8]] = &[
    b"",
    b"\n",
    b"Add retry",
    b"Add retry\n",
    b"\n \n\t\n  Add retry \nto the uploader\t\n \nBody\n",
    b"Caf\xe9 in Latin-1\n\nBody \xff\xfe\n",
    b"Add retry\n\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n abc\n -----END PGP SIGNATURE-----\n",
    b"tree 0\nparent 1\n\nbody\n",
    b"Subject\r\nsecond line\r\n\r\nBody\r\n",
    b"\x0b form \x0c feed\n",
];

/// Lines that may stand anywhere, with their newline.
const INTRUDERS: &[&[u8]] = &[
    b"gpgsig -----BEGIN PGP SIGNATURE-----\n \n b2xk\n -----END PGP SIGNATURE-----\n",
    b"gpgsig-sha256 -----BEGIN PGP SIGNATURE-----\n \n b2xk\n -----END PGP SIGNATURE-----\n",
    b"gpgsig \n",
    b"gpgsig\n",
    b"gpgsigx unsigned\n room\n",
    b"gpgsig-sha1 unsigned\n",
    b"gpgsig-sha256\n more\n",
    b"gpgsig none of the armors\n",
    b"note unknown\n continued\n",
    b"note\n",
    b" continuation\n",
    b"\n",
    b"encoding x-none\n",
    b"encoding\n",
    b"parent 00000000000000000000000000000000000000aa\n",
    b"tagger Eve <eve@example.com> 1 +0000\n",
    b"author Eve <eve@example.com> 1 +0000\n",
    b"committer Eve <eve@example.com> 1 +0000\n",
    b"-----BEGIN PGP SIGNATURE-----\n",
    b"-----BEGIN SSH SIGNATURE----- and more\n",
    b"-----END PGP SIGNATURE-----\n",
    b"-----BEGIN PGP SIGNED MESSAGE-----\n",
    b"\0\n",
    b"\r\n",
];

impl Generator {
    fn id(&mut self) -> String {
        (0..self.format.hex_len()).map(|_| char::from(self.random.pick(b"0123456789abcdef"))).collect()
    }

    fn person(&mut self) -> Vec<u8> {
        let name: &[u8] = self.random.pick(&[&b"Alice Example "[..], b"J\xf6rg ", "Zo\u{eb} ".as_bytes(), b"", b" "]);
        let email: &[u8] = self.random.pick(&[&b"alice@example.com"[..], b"", b"a b@\xff"]);
        let time = self.random.pick(&["0", "1", "1700000000", "3786912000", "4294967297", "18446744073709551615"]);
        let zone = self.random.pick(&["+0000", "-0000", "+0530", "-1200", "+051800", "+2460", "-7"]);
        [name, b"<", email, b"> ", time.as_bytes(), b" ", zone.as_bytes()].concat()
    }

    fn armor(&mut self) -> Vec<u8> {
        let kind = self.random.pick(ARMORS);
        let lines = ["\n", "Version: x\n\n", ""][self.random.below(3)];
        let base64: String = (0..self.random.below(4)).map(|_| format!("{:016x}\n", self.random.next())).collect();
        let end = self.random.pick(&["\n", "\n", "\n", "", "\n\n"]);
        format!("-----BEGIN {kind}-----\n{lines}{base64}-----END {kind}-----{end}").into_bytes()
    }

    /// A header as git folds it.
    fn folded(name: &[u8], value: &[u8]) -> Vec<Vec<u8>> {
        let value = value.strip_suffix(b"\n").unwrap_or(value);
        let mut prefix = [name, b" "].concat();
        value
            .split(|&byte| byte == b'\n')
            .map(|line| [std::mem::replace(&mut prefix, b" ".to_vec()), line.to_vec(), b"\n".to_vec()].concat())
            .collect()
    }

    fn commit(&mut self) -> Vec<Vec<u8>> {
        let mut lines = vec![format!("tree {}\n", self.id()).into_bytes()];
        for _ in 0..self.random.below(4) {
            lines.push(format!("parent {}\n", self.id()).into_bytes());
        }
        for role in [&b"author "[..], b"committer "] {
            lines.push([role, &self.person(), b"\n"].concat());
        }
        let mut rest = Vec::new();
        if self.random.one_in(4) {
            rest.push(vec![b"encoding x-unknown\n".to_vec()]);
        }
        if self.random.one_in(4) {
            let tag = self.tag().concat();
            rest.push(Self::folded(b"mergetag", &tag));
        }
        if self.random.one_in(6) {
            rest.push(vec![b"HG:extra rebase_source:1\n".to_vec(), b" more\n".to_vec()]);
        }
        if !self.random.one_in(8) {
            let armor = self.armor();
            rest.insert(self.random.below(rest.len() + 1), Self::folded(self.format.signature_header(), &armor));
        }
        lines.extend(rest.concat());
        lines.push(b"\n".to_vec());
        let message = self.random.pick(MESSAGES);
        lines.extend(message.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec));
        lines
    }

    fn tag(&mut self) -> Vec<Vec<u8>> {
        let kind = self.random.pick(&["commit", "commit", "tree", "blob", "tag"]);
        let mut lines = vec![
            format!("object {}\n", self.id()).into_bytes(),
            format!("type {kind}\n").into_bytes(),
            self.random.pick(&[&b"tag v1.0\n"[..], b"tag \xff\n", b"tag a b\n"]).to_vec(),
        ];
        if !self.random.one_in(10) {
            lines.push([b"tagger ", &self.person()[..], b"\n"].concat());
        }
        if self.random.one_in(8) {
            lines.push(b"note more than git writes\n".to_vec());
        }
        lines.push(b"\n".to_vec());
        let message = self.random.pick(MESSAGES);
        lines.extend(message.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec));
        if !self.random.one_in(6) {
            if lines.last().is_some_and(|line| !line.ends_with(b"\n")) {
                lines.push(b"\n".to_vec());
            }
            let armor = self.armor();
            lines.extend(armor.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec));
        }
        lines
    }

    /// Changes one thing.
    fn mutate(&mut self, lines: &mut Vec<Vec<u8>>) {
        let at = self.random.below(lines.len());
        match self.random.below(9) {
            0 => lines.insert(at, lines[at].clone()),
            1 => drop(lines.remove(at)),
            2 => {
                let other = self.random.below(lines.len());
                lines.swap(at, other);
            }
            3..=5 => lines.insert(at, self.random.pick(INTRUDERS).to_vec()),
            6 => {
                let byte = self.random.below(lines[at].len());
                lines[at][byte] = self.random.pick(b"\n \r\0<>xA0");
            }
            7 => {
                let length = lines[at].len();
                lines[at].insert(length - 1, b'\r');
            }
            _ => lines.push(b"and more\n".to_vec()),
        }
        if lines.is_empty() {
            lines.push(b"\n".to_vec());
        }
    }

    fn objects(&mut self, kind: &str, count: usize) -> Vec<Vec<u8>> {
        (0..count)
            .map(|_| {
                let mut lines = if kind == "commit" { self.commit() } else { self.tag() };
                for _ in 0..self.random.pick(&[0, 1, 1, 2]) {
                    self.mutate(&mut lines);
                }
                lines.concat()
            })
            .collect()
    }
}

/// What both made of many objects.
#[derive(Default)]
struct Tally {
    equal: usize,
    unsigned: usize,
    stricter: BTreeSet<String>,
}

fn compare(format: ObjectFormat, kind: &str, count: usize) -> Tally {
    let oracle = Oracle::new(format);
    let seed = SEED ^ kind.len() as u64 ^ format.hex_len() as u64;
    let objects = Generator { random: Random(seed), format }.objects(kind, count);
    let ids = oracle.write(kind, &objects);
    let next = AtomicUsize::new(0);
    let tallies: Vec<Tally> = thread::scope(|scope| {
        let work = || {
            let mut tally = Tally::default();
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some((object, id)) = objects.get(at).zip(ids.get(at)) else { return tally };
                compare_one(&oracle, kind, object, id, &mut tally);
            }
        };
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    tallies.into_iter().fold(Tally::default(), |mut all, one| {
        all.equal += one.equal;
        all.unsigned += one.unsigned;
        all.stricter.extend(one.stricter);
        all
    })
}

fn compare_one(oracle: &Oracle, kind: &str, object: &[u8], id: &str, tally: &mut Tally) {
    let shown = || format!("{} {kind} {id}:\n{}", SEED, object.escape_ascii().to_string().replace("\\n", "\\n\n"));
    let (slot, taggerless) = if kind == "commit" {
        let commit = Commit::parse(object, oracle.format);
        compare_history(oracle, object, id, commit.as_ref().ok());
        (commit.map(|commit| commit.signature), false)
    } else {
        let tag = Tag::parse(object, oracle.format);
        let taggerless = tag.as_ref().is_ok_and(|tag| tag.tagger.is_none());
        (tag.map(|tag| tag.signature), taggerless)
    };
    match (oracle.signature(&format!("verify-{kind}"), id), slot) {
        (Seen::Signed { payload, signature }, Ok(Slot::One(ours))) => {
            assert_eq!(ours.payload.escape_ascii().to_string(), payload.escape_ascii().to_string(), "{}", shown());
            assert_eq!(ours.signature.escape_ascii().to_string(), signature.escape_ascii().to_string(), "{}", shown());
            tally.equal += 1;
        }
        (Seen::Signed { .. }, Ok(Slot::Several)) => drop(tally.stricter.insert("several".into())),
        (Seen::Signed { .. }, Err(Malformed(why))) => drop(tally.stricter.insert(without_names(&why))),
        (Seen::Signed { .. }, Ok(Slot::Empty)) => panic!("git sees a signature, we none: {}", shown()),
        // Ours goes to the verifier, which has to refuse what begins with no armor.
        (Seen::Died, Ok(Slot::One(_))) => {}
        // Git 2.34 and later verify no tag that has no tagger (gpg-interface.c, `parse_payload_metadata`); those before
        // did, and so do we: the signature is over all of the tag.
        (Seen::None, Ok(Slot::One(_))) => assert!(taggerless, "we see a signature, git none: {}", shown()),
        (Seen::None, Ok(Slot::Empty)) => tally.unsigned += 1,
        (Seen::None | Seen::Died, Err(_) | Ok(Slot::Several | Slot::Empty)) => {}
    }
}

/// The sentence without what stands in backticks.
fn without_names(why: &str) -> String {
    let parts = why.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { "`…`" } else { part }).collect::<String>().replace(" an `", " a `")
}

fn compare_history(oracle: &Oracle, object: &[u8], id: &str, ours: Option<&Commit<'_>>) {
    let git = oracle.commit(id);
    let shown = || object.escape_ascii().to_string();
    if let Some((parents, _)) = &git {
        let lenient: Vec<_> =
            parents_as_git_reads_them(object, oracle.format).iter().map(ToString::to_string).collect();
        assert_eq!(&lenient, parents, "{id}: {}", shown());
    }
    if let Some(commit) = ours {
        let (parents, subject) = git.unwrap_or_else(|| panic!("git reads no commit: {id}: {}", shown()));
        assert_eq!(commit.parents.iter().map(ToString::to_string).collect::<Vec<_>>(), parents, "{}", shown());
        assert_eq!(commit.subject().escape_ascii().to_string(), subject.escape_ascii().to_string(), "{}", shown());
    }
}

#[test]
fn payloads_signatures_parents_and_subjects_are_those_of_git() {
    let mut stricter = BTreeSet::new();
    for format in [ObjectFormat::Sha1, ObjectFormat::Sha256] {
        for (kind, count) in [("commit", 500), ("tag", 400)] {
            let tally = compare(format, kind, count);
            eprintln!("{format:?} {kind}: {} equal, {} unsigned", tally.equal, tally.unsigned);
            assert!(tally.equal >= count / 4, "{format:?} {kind}: only {} were signed for both", tally.equal);
            assert!(tally.unsigned >= count / 40, "{format:?} {kind}: only {} were unsigned", tally.unsigned);
            stricter.extend(tally.stricter);
        }
    }
    let listed: BTreeSet<_> = STRICTER.iter().map(|(what, _)| (*what).to_owned()).collect();
    assert_eq!(stricter, listed);
}
