//! A key revocation list as `ssh-keygen -k` makes it (OpenSSH's PROTOCOL.krl, format version 1). What OpenSSH does not
//! read (krl.c, `ssh_krl_from_blob`) is not read here either, but for large bitmaps.

use super::{Issued, Revocations, serials::Unsorted};
use crate::signature::{
    Fingerprint,
    ssh::{PublicKey, Wire, is_certificate},
};
use std::collections::{HashMap, HashSet};

/// What it begins with.
pub(super) const MAGIC: &[u8] = b"SSHKRL\n\0";

const VERSION: u32 = 1;

// Sections, and those within a section of certificates.
const CERTIFICATES: u8 = 1;
const EXPLICIT_KEYS: u8 = 2;
const SHA1: u8 = 3;
const SIGNATURE: u8 = 4;
const SHA256: u8 = 5;
const EXTENSION: u8 = 255;
const SERIAL_LIST: u8 = 0x20;
const SERIAL_RANGE: u8 = 0x21;
const SERIAL_BITMAP: u8 = 0x22;
const KEY_IDS: u8 = 0x23;
const CERTIFICATE_EXTENSION: u8 = 0x39;

/// Reads what follows the magic bytes.
pub(super) fn read(rest: &[u8]) -> Result<Revocations, String> {
    let mut wire = Wire(rest);
    header(&mut wire).map_err(|why| format!("its header {why}"))?;
    let mut list = Unfinished::default();
    let mut number = 0;
    while !wire.is_empty() {
        number += 1;
        let section = wire.byte().zip(wire.string()).ok_or_else(|| NOT_WHOLE.to_owned());
        section
            .and_then(|(kind, data)| list.section(kind, Wire(data)))
            .map_err(|why| format!("its section {number} {why}"))?;
    }
    Ok(list.finished())
}

const NOT_WHOLE: &str = "is not whole";

/// The list's number, date and comment say nothing about what is revoked. No flags are defined, and the reserved field is to
/// be ignored.
fn header(wire: &mut Wire<'_>) -> Result<(), String> {
    match wire.u32().ok_or(NOT_WHOLE)? {
        VERSION => {}
        other => return Err(format!("says format version {other}, which this version does not know")),
    }
    let _number_date_and_flags = wire.bytes(3 * 8).ok_or(NOT_WHOLE)?;
    let _reserved = wire.string().ok_or(NOT_WHOLE)?;
    text(wire.string().ok_or(NOT_WHOLE)?)?;
    Ok(())
}

/// OpenSSH holds texts as C strings (sshbuf-getput-basic.c, `sshbuf_get_cstring`).
fn text(bytes: &[u8]) -> Result<&[u8], String> {
    if bytes.contains(&0) { Err("has a text with a NUL byte".into()) } else { Ok(bytes) }
}

#[derive(Default)]
struct Unfinished {
    keys: HashSet<Fingerprint>,
    sha1: HashSet<[u8; 20]>,
    issued: HashMap<Option<Fingerprint>, Unsettled>,
}

/// The certificates of one authority.
#[derive(Default)]
struct Unsettled {
    serials: Unsorted,
    ids: HashSet<Box<[u8]>>,
}

impl Unfinished {
    fn section(&mut self, kind: u8, mut wire: Wire<'_>) -> Result<(), String> {
        match kind {
            CERTIFICATES => self.certificates(wire)?,
            EXPLICIT_KEYS => {
                while !wire.is_empty() {
                    self.keys.insert(explicit_key(wire.string().ok_or(NOT_WHOLE)?)?);
                }
            }
            SHA1 => {
                while !wire.is_empty() {
                    self.sha1.insert(digest(wire.string().ok_or(NOT_WHOLE)?)?);
                }
            }
            SHA256 => {
                while !wire.is_empty() {
                    self.keys.insert(Fingerprint::Ssh(digest(wire.string().ok_or(NOT_WHOLE)?)?));
                }
            }
            EXTENSION => extension(wire)?,
            // OpenSSH refuses such a list since 9.4. Before, any key's signature would do: nobody says whose is to be
            // believed.
            SIGNATURE => return Err("is a signature within the list, which OpenSSH does not support either".into()),
            other => return Err(format!("is of the type {other}, which this version does not know")),
        }
        Ok(())
    }

    fn certificates(&mut self, mut wire: Wire<'_>) -> Result<(), String> {
        let authority = wire.string().ok_or(NOT_WHOLE)?;
        let _reserved = wire.string().ok_or(NOT_WHOLE)?;
        let authority = match authority {
            [] => None,
            blob => {
                let key = PublicKey::from_blob(blob).map_err(|why| format!("has an unreadable authority: {why}"))?;
                Some(key.fingerprint())
            }
        };
        let Unsettled { serials, ids } = self.issued.entry(authority).or_default();
        while !wire.is_empty() {
            let (kind, data) = wire.byte().zip(wire.string()).ok_or(NOT_WHOLE)?;
            let mut wire = Wire(data);
            match kind {
                SERIAL_LIST => {
                    while !wire.is_empty() {
                        serials.add(wire.u64().ok_or(NOT_WHOLE)?).map_err(wrong)?;
                    }
                }
                SERIAL_RANGE => {
                    let (first, last) = wire.u64().zip(wire.u64()).ok_or(NOT_WHOLE)?;
                    serials.add_range(first, last).map_err(wrong)?;
                }
                // ssh-keygen writes bitmaps of more than 16,384 bits, though it does not read them.
                SERIAL_BITMAP => {
                    let first = wire.u64().ok_or(NOT_WHOLE)?;
                    let bits = wire.natural().ok_or("has a bitmap that is not whole, or a negative number")?;
                    serials.add_bitmap(first, bits).map_err(wrong)?;
                }
                KEY_IDS => {
                    while !wire.is_empty() {
                        ids.insert(text(wire.string().ok_or(NOT_WHOLE)?)?.into());
                    }
                }
                CERTIFICATE_EXTENSION => {
                    extension(wire)?;
                    continue;
                }
                other => return Err(format!("has a part of the type {other}, which this version does not know")),
            }
            if !wire.is_empty() {
                return Err("has a part that something follows".into());
            }
        }
        Ok(())
    }

    fn finished(self) -> Revocations {
        let settled = |issued: Unsettled| Issued { serials: issued.serials.sorted(), ids: issued.ids };
        let issued = self.issued.into_iter().map(|(authority, issued)| (authority, settled(issued))).collect();
        Revocations { keys: self.keys, sha1: self.sha1, issued }
    }
}

fn wrong(why: String) -> String {
    format!("is wrong: {why}")
}

/// Of whatever type: what is not known cannot sign either. A certificate is not compared with any key, and so not revoked.
fn explicit_key(blob: &[u8]) -> Result<Fingerprint, String> {
    let name = Wire(blob).string().ok_or("has a key that is not whole")?;
    if is_certificate(&String::from_utf8_lossy(name)) {
        return Err("has a certificate where keys belong".into());
    }
    Ok(Fingerprint::of_ssh_key(blob))
}

fn digest<const N: usize>(bytes: &[u8]) -> Result<[u8; N], String> {
    bytes.try_into().map_err(|_| format!("has a digest of {} bytes, not {N}", bytes.len()))
}

/// None is known yet.
fn extension(mut wire: Wire<'_>) -> Result<(), String> {
    let fields = (wire.string(), wire.byte(), wire.string());
    let (Some(name), Some(critical), Some(_contents), true) = (fields.0, fields.1, fields.2, wire.is_empty()) else {
        return Err("has an extension that is not whole, or that something follows".into());
    };
    let name = text(name)?;
    match critical {
        0 => Ok(()),
        _ => Err(format!("has the critical extension `{}`, which this version does not know", name.escape_ascii())),
    }
}
