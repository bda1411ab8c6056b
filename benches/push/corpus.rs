//! A history of signed commits, made in process and written as one pack: seconds instead of the hours that `git commit -S`
//! would take. The same bytes every time.

use aws_lc_rs::{
    digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA512, digest},
    signature::{Ed25519KeyPair, KeyPair},
};
use flate2::{Compression, write::ZlibEncoder};
use std::io::Write;

/// Commits in a line, each signed with the same SSH key, all with one tree.
pub struct Corpus {
    /// A whole pack (gitformat-pack(5)).
    pub pack: Vec<u8>,
    /// The ids of the commits, oldest first.
    pub commits: Vec<String>,
    /// The line for `allowed_signers`.
    pub allowed_signer: String,
}

const COMMIT: u8 = 1;
const TREE: u8 = 2;
const BLOB: u8 = 3;

impl Corpus {
    pub fn new(count: usize) -> Self {
        let key = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
        let public = public_blob(&key);
        let mut pack = Pack::new(count + 2);
        let blob = pack.add(BLOB, "blob", b"what the benchmark pushes\n");
        let mut tree = b"100644 notes\0".to_vec();
        tree.extend(blob);
        let tree = hex(&pack.add(TREE, "tree", &tree));
        let mut commits = Vec::with_capacity(count);
        for number in 0..count {
            let commit = commit(&key, &public, &tree, commits.last(), number);
            commits.push(hex(&pack.add(COMMIT, "commit", &commit)));
        }
        let allowed_signer = format!("alice@example.com ssh-ed25519 {}\n", base64(&public));
        Self { pack: pack.finish(), commits, allowed_signer }
    }
}

fn commit(key: &Ed25519KeyPair, public: &[u8], tree: &str, parent: Option<&String>, number: usize) -> Vec<u8> {
    let parent = parent.map(|parent| format!("parent {parent}\n")).unwrap_or_default();
    let seconds = 1_700_000_000 + 60 * number;
    let person = format!("Alice Example <alice@example.com> {seconds} +0100");
    let headers = format!("tree {tree}\n{parent}author {person}\ncommitter {person}\n");
    let message =
        format!("Change number {number}\n\nWhat it is for, and why it is done in this way and not otherwise.\n");
    let armor = sign(key, public, format!("{headers}\n{message}").as_bytes());
    let signature = armor.trim_end().replace('\n', "\n ");
    format!("{headers}gpgsig {signature}\n\n{message}").into_bytes()
}

/// An armored SSHSIG (OpenSSH's PROTOCOL.sshsig).
fn sign(key: &Ed25519KeyPair, public: &[u8], message: &[u8]) -> String {
    let digest = digest(&SHA512, message);
    let fields: [&[u8]; 3] = [b"git", b"", b"sha512"];
    let mut signed = b"SSHSIG".to_vec();
    for field in fields {
        string(&mut signed, field);
    }
    string(&mut signed, digest.as_ref());
    let mut signature = Vec::new();
    string(&mut signature, b"ssh-ed25519");
    string(&mut signature, key.sign(&signed).as_ref());

    let mut blob = b"SSHSIG\x00\x00\x00\x01".to_vec();
    string(&mut blob, public);
    for field in fields {
        string(&mut blob, field);
    }
    string(&mut blob, &signature);
    let lines: Vec<String> =
        base64(&blob).as_bytes().chunks(70).map(|line| String::from_utf8(line.to_vec()).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

fn public_blob(key: &Ed25519KeyPair) -> Vec<u8> {
    let mut blob = Vec::new();
    string(&mut blob, b"ssh-ed25519");
    string(&mut blob, key.public_key().as_ref());
    blob
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend(bytes);
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for (place, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let padding = place > three.len();
            text.push(if padding { '=' } else { char::from(ALPHABET[(bits >> shift & 63) as usize]) });
        }
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Pack(Vec<u8>);

impl Pack {
    fn new(objects: usize) -> Self {
        let mut bytes = b"PACK\x00\x00\x00\x02".to_vec();
        bytes.extend(u32::try_from(objects).unwrap().to_be_bytes());
        Self(bytes)
    }

    /// Adds an object, whole, and returns its id.
    fn add(&mut self, kind: u8, name: &str, content: &[u8]) -> Vec<u8> {
        let mut size = content.len();
        let mut byte = kind << 4 | (size & 15) as u8;
        size >>= 4;
        while size > 0 {
            self.0.push(byte | 0x80);
            byte = (size & 127) as u8;
            size >>= 7;
        }
        self.0.push(byte);
        let mut encoder = ZlibEncoder::new(&mut self.0, Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap();
        let mut object = format!("{name} {}\0", content.len()).into_bytes();
        object.extend(content);
        digest(&SHA1_FOR_LEGACY_USE_ONLY, &object).as_ref().to_vec()
    }

    fn finish(mut self) -> Vec<u8> {
        let checksum = digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        self.0.extend(checksum.as_ref());
        self.0
    }
}
