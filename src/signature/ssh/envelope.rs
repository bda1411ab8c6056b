//! The envelope of SSHSIG (OpenSSH's PROTOCOL.sshsig), read as ssh-keygen reads it (sshsig.c), and more strictly where
//! that skips what it does not understand.

use super::wire::{Wire, put_string};
use crate::signature::{Defect, public_key::Hash};
use ssh_key::encoding::base64::{Base64, Encoding};

const BEGIN: &[u8] = b"-----BEGIN SSH SIGNATURE-----";
const END: &[u8] = b"-----END SSH SIGNATURE-----";
const MAGIC: &[u8] = b"SSHSIG";
const VERSION: u32 = 1;

/// What an SSHSIG holds, not yet verified.
#[derive(Debug)]
pub(super) struct Envelope<'b> {
    /// A key or a certificate.
    pub(super) key: &'b [u8],
    namespace: &'b [u8],
    reserved: &'b [u8],
    hash_name: &'b [u8],
    hash: Hash,
    pub(super) signature: &'b [u8],
}

/// The bytes within the armor. Nothing but blank lines may follow it.
pub(super) fn dearmor(armor: &[u8]) -> Result<Vec<u8>, Defect> {
    let malformed = |what: &str| Defect::Malformed(what.into());
    let mut lines = armor.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
    if lines.next() != Some(BEGIN) {
        return Err(malformed("its armor has no first line"));
    }
    let mut base64 = Vec::new();
    loop {
        match lines.next() {
            Some(END) => break,
            Some(BEGIN) => return Err(malformed("its armor begins a second time")),
            Some(line) => base64.extend(line),
            None => return Err(malformed("its armor has no last line")),
        }
    }
    for line in lines {
        match line {
            b"" => {}
            BEGIN => return Err(Defect::Ambiguous),
            _ => return Err(malformed("something follows its armor")),
        }
    }
    let base64 = std::str::from_utf8(&base64).map_err(|_| malformed("its armor holds no base64"))?;
    Base64::decode_vec(base64).map_err(|_| malformed("its armor holds no base64"))
}

impl<'b> Envelope<'b> {
    pub(super) fn read(blob: &'b [u8]) -> Result<Self, Defect> {
        let mut wire = Wire(blob);
        if wire.bytes(MAGIC.len()) != Some(MAGIC) {
            return Err(Defect::Malformed("does not begin with `SSHSIG`".into()));
        }
        match wire.u32() {
            Some(VERSION) => {}
            Some(other) => return Err(Defect::Unsupported(format!("SSHSIG version {other}"))),
            None => return Err(Defect::Malformed("is not whole".into())),
        }
        let fields = (wire.string(), wire.string(), wire.string(), wire.string(), wire.string());
        let (Some(key), Some(namespace), Some(reserved), Some(hash_name), Some(signature)) = fields else {
            return Err(Defect::Malformed("is not whole".into()));
        };
        if !wire.is_empty() {
            return Err(Defect::Malformed("something follows its last field".into()));
        }
        let hash = match hash_name {
            b"sha256" => Hash::Sha256,
            b"sha512" => Hash::Sha512,
            b"sha1" | b"md5" => return Err(Defect::Weak(format!("hash `{}`", hash_name.escape_ascii()))),
            // All that the format has; a third would be another version of it.
            other => return Err(Defect::Malformed(format!("hash `{}`", other.escape_ascii()))),
        };
        Ok(Self { key, namespace, reserved, hash_name, hash, signature })
    }

    /// What the key signs for this payload.
    pub(super) fn signed_data(&self, namespace: &[u8], payload: &[u8]) -> Result<Vec<u8>, Defect> {
        if self.namespace != namespace {
            let other = self.namespace.escape_ascii();
            return Err(Defect::Malformed(format!("is made for the namespace `{other}`, not `git`")));
        }
        let mut data = MAGIC.to_vec();
        put_string(&mut data, self.namespace);
        // "Implementations should ignore it": whatever it is, it is signed.
        put_string(&mut data, self.reserved);
        put_string(&mut data, self.hash_name);
        put_string(&mut data, &self.hash.of(payload));
        Ok(data)
    }
}
