//! Objects byte for byte, so that there can be hostile ones among them.

use super::{World, keys};
use flate2::{Compression, write::ZlibEncoder};
use std::{fs, io::Write};

pub const ALICE: &str = "Alice Example <alice@example.com>";
pub const BOB: &str = "Bob Example <bob@example.com>";

/// A commit before it is signed. The parts are joined as they stand.
#[derive(Clone, Debug)]
pub struct Commit {
    pub tree: String,
    pub parents: Vec<String>,
    /// `name <email> time zone`.
    pub author: Vec<u8>,
    pub committer: Vec<u8>,
    /// Whole lines, after `committer`.
    pub more_headers: Vec<u8>,
    pub message: Vec<u8>,
}

impl Commit {
    pub fn new(world: &World, parents: &[&str], message: &str) -> Self {
        let person = format!("{ALICE} 1700000000 +0000").into_bytes();
        Self {
            tree: world.empty_tree().to_owned(),
            parents: parents.iter().map(|parent| (*parent).to_owned()).collect(),
            author: person.clone(),
            committer: person,
            more_headers: Vec::new(),
            message: format!("{message}\n").into_bytes(),
        }
    }

    /// Authored and committed by another person.
    pub fn by(mut self, person: &str) -> Self {
        self.author = format!("{person} 1700000000 +0000").into_bytes();
        self.committer = self.author.clone();
        self
    }

    /// The headers with the last one's newline.
    pub fn headers(&self) -> Vec<u8> {
        let mut bytes = format!("tree {}\n", self.tree).into_bytes();
        for parent in &self.parents {
            bytes.extend(format!("parent {parent}\n").into_bytes());
        }
        bytes.extend([b"author ", &*self.author, b"\ncommitter ", &*self.committer, b"\n"].concat());
        bytes.extend(&self.more_headers);
        bytes
    }

    /// What is signed.
    pub fn payload(&self) -> Vec<u8> {
        [&self.headers(), &b"\n"[..], &self.message].concat()
    }

    /// With a header before the blank line.
    pub fn with(&self, header: &str) -> Vec<u8> {
        [&self.headers(), header.as_bytes(), b"\n", &self.message].concat()
    }

    pub fn unsigned(&self, world: &World) -> String {
        write(world, "commit", &self.payload())
    }

    pub fn signed(&self, world: &World, key: &str) -> String {
        write(world, "commit", &self.with(&signature_header(world, &keys::sign(key, &self.payload()))))
    }
}

/// The header that git keeps a signature in: `gpgsig` or `gpgsig-sha256`, continued by lines that begin with a space.
pub fn signature_header(world: &World, armor: &str) -> String {
    header(if world.is_sha256() { "gpgsig-sha256" } else { "gpgsig" }, armor)
}

pub fn header(name: &str, value: &str) -> String {
    format!("{name} {}\n", value.trim_end_matches('\n').replace('\n', "\n "))
}

/// An annotated tag's headers and message, before it is signed.
pub fn tag_payload(target: &str, kind: &str, name: &str) -> String {
    format!("object {target}\ntype {kind}\ntag {name}\ntagger {ALICE} 1700000000 +0000\n\nRelease {name}\n")
}

pub fn signed_tag(world: &World, key: &str, target: &str, kind: &str, name: &str) -> String {
    let payload = tag_payload(target, kind, name);
    let signature = keys::sign(key, payload.as_bytes());
    write(world, "tag", (payload + &signature).as_bytes())
}

pub fn unsigned_tag(world: &World, target: &str, kind: &str, name: &str) -> String {
    write(world, "tag", tag_payload(target, kind, name).as_bytes())
}

pub fn unsigned(world: &World, parents: &[&str], message: &str) -> String {
    Commit::new(world, parents, message).unsigned(world)
}

pub fn signed(world: &World, key: &str, parents: &[&str], message: &str) -> String {
    Commit::new(world, parents, message).signed(world, key)
}

pub fn by_alice(world: &World, parents: &[&str], message: &str) -> String {
    signed(world, keys::ALICE_SSH, parents, message)
}

/// Writes an object into the clone, whatever it is like.
pub fn write(world: &World, kind: &str, bytes: &[u8]) -> String {
    let stored = [format!("{kind} {}\0", bytes.len()).as_bytes(), bytes].concat();
    let mut hasher = gix::hash::hasher(if world.is_sha256() { gix::hash::Kind::Sha256 } else { gix::hash::Kind::Sha1 });
    hasher.update(&stored);
    let id = hasher.try_finalize().unwrap().to_string();
    let folder = world.clone_path().join(".git/objects").join(&id[..2]);
    fs::create_dir_all(&folder).unwrap();
    let mut loose = ZlibEncoder::new(Vec::new(), Compression::fast());
    loose.write_all(&stored).unwrap();
    fs::write(folder.join(&id[2..]), loose.finish().unwrap()).unwrap();
    id
}
