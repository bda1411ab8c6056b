//! Packs, written directly (gitformat-pack(5)), and the trees in them.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use flate2::{Compression, write::ZlibEncoder};
use std::{fs, io::Write, path::Path};

pub struct Pack {
    bytes: Vec<u8>,
    objects: u32,
}

#[derive(Clone, Copy)]
pub enum Kind {
    Commit = 1,
    Tree = 2,
    Blob = 3,
}

/// What was written, and where.
#[derive(Clone, Copy)]
pub struct Object {
    pub id: [u8; 20],
    offset: usize,
}

impl Object {
    pub fn hex(&self) -> String {
        self.id.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

const DELTA_BY_OFFSET: u8 = 6;
/// Where a pack says how many objects it has.
const COUNT: usize = 8;

impl Pack {
    pub fn new() -> Self {
        Self { bytes: b"PACK\x00\x00\x00\x02\x00\x00\x00\x00".to_vec(), objects: 0 }
    }

    /// Adds an object, whole.
    pub fn add(&mut self, kind: Kind, content: &[u8]) -> Object {
        let offset = self.begin(kind as u8, content.len());
        self.compress(content);
        Object { id: id(kind, content), offset }
    }

    /// Adds an object, of this content, as what turns another into it.
    fn add_delta(&mut self, kind: Kind, content: &[u8], base: &Object, delta: &[u8]) -> Object {
        let offset = self.begin(DELTA_BY_OFFSET, delta.len());
        let mut distance = offset - base.offset;
        let mut bytes = vec![(distance & 127) as u8];
        distance >>= 7;
        while distance > 0 {
            distance -= 1;
            bytes.push((distance & 127) as u8 | 128);
            distance >>= 7;
        }
        self.bytes.extend(bytes.iter().rev());
        self.compress(delta);
        Object { id: id(kind, content), offset }
    }

    fn begin(&mut self, kind: u8, mut size: usize) -> usize {
        let offset = self.bytes.len();
        self.objects += 1;
        let first = kind << 4 | (size & 15) as u8;
        size >>= 4;
        self.bytes.push(if size > 0 { first | 128 } else { first });
        if size > 0 {
            number(&mut self.bytes, size);
        }
        offset
    }

    fn compress(&mut self, content: &[u8]) {
        let mut encoder = ZlibEncoder::new(&mut self.bytes, Compression::default());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap();
    }

    pub fn finish(mut self) -> Vec<u8> {
        self.bytes[COUNT..COUNT + 4].copy_from_slice(&self.objects.to_be_bytes());
        let checksum = digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.bytes);
        self.bytes.extend(checksum.as_ref());
        self.bytes
    }
}

fn id(kind: Kind, content: &[u8]) -> [u8; 20] {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, &framed(kind, content)).as_ref().try_into().unwrap()
}

fn framed(kind: Kind, content: &[u8]) -> Vec<u8> {
    let name = match kind {
        Kind::Commit => "commit",
        Kind::Tree => "tree",
        Kind::Blob => "blob",
    };
    let mut object = format!("{name} {}\0", content.len()).into_bytes();
    object.extend(content);
    object
}

/// Writes a commit into an object folder, as git unpacks what small pushes bring, and returns its id.
pub fn write_loose(objects: &Path, commit: &str) -> String {
    let id = Object { id: id(Kind::Commit, commit.as_bytes()), offset: 0 }.hex();
    let (folder, name) = id.split_at(2);
    fs::create_dir_all(objects.join(folder)).unwrap();
    let file = fs::File::create_new(objects.join(folder).join(name)).unwrap();
    let mut encoder = ZlibEncoder::new(file, Compression::default());
    encoder.write_all(&framed(Kind::Commit, commit.as_bytes())).unwrap();
    encoder.finish().unwrap();
    id
}

/// Seven bits a byte, the lowest first.
fn number(out: &mut Vec<u8>, mut value: usize) {
    while value > 127 {
        out.push((value & 127) as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A tree whose entries keep their names while what they name changes; each version is a delta against the last, as git packs
/// them.
pub struct Tree {
    content: Vec<u8>,
    /// Where the id of each entry is.
    places: Vec<usize>,
    /// Entries that changed since it was written.
    changed: Vec<usize>,
    written: Object,
    /// Deltas on the way to one that is whole.
    depth: usize,
}

/// As many as git makes (git-pack-objects(1), `--depth`).
const DEPTH: usize = 50;

impl Tree {
    /// Entries in git's order: mode, name, id.
    pub fn new(pack: &mut Pack, entries: &[(&str, String, [u8; 20])]) -> Self {
        let (mut content, mut places) = (Vec::new(), Vec::new());
        for (mode, name, id) in entries {
            content.extend(format!("{mode} {name}\0").into_bytes());
            places.push(content.len());
            content.extend(id);
        }
        let written = pack.add(Kind::Tree, &content);
        Self { content, places, changed: Vec::new(), written, depth: 0 }
    }

    pub fn object(&self) -> Object {
        self.written
    }

    pub fn set(&mut self, entry: usize, id: [u8; 20]) {
        let place = self.places[entry];
        self.content[place..place + 20].copy_from_slice(&id);
        self.changed.push(place);
    }

    pub fn write(&mut self, pack: &mut Pack) -> Object {
        let delta = self.delta();
        if self.depth < DEPTH {
            self.depth += 1;
            self.written = pack.add_delta(Kind::Tree, &self.content, &self.written, &delta);
        } else {
            self.depth = 0;
            self.written = pack.add(Kind::Tree, &self.content);
        }
        self.written
    }

    /// Copies of what stayed, between the ids that are new.
    fn delta(&mut self) -> Vec<u8> {
        let mut delta = Vec::new();
        number(&mut delta, self.content.len());
        number(&mut delta, self.content.len());
        let mut copied = 0;
        self.changed.sort_unstable();
        self.changed.dedup();
        for place in std::mem::take(&mut self.changed) {
            copy(&mut delta, copied, place - copied);
            delta.push(20);
            delta.extend(&self.content[place..place + 20]);
            copied = place + 20;
        }
        copy(&mut delta, copied, self.content.len() - copied);
        delta
    }
}

/// The instruction to copy; nothing here is longer than the 64 KiB that two bytes of size can say.
fn copy(delta: &mut Vec<u8>, offset: usize, size: usize) {
    if size == 0 {
        return;
    }
    delta.push(0b1011_0011);
    delta.extend(u16::try_from(offset).unwrap().to_le_bytes());
    delta.extend(u16::try_from(size).unwrap().to_le_bytes());
}
