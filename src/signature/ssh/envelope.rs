//! The envelope of SSHSIG (OpenSSH's PROTOCOL.sshsig), read as ssh-keygen reads it (sshsig.c), and more strictly where
//! that skips what it does not understand.

use super::wire::{Wire, put_string};
use crate::signature::{Defect, armor, public_key::Hash};

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

/// The bytes within the armor.
pub(super) fn dearmor(armor: &[u8]) -> Result<Vec<u8>, Defect> {
    armor::decode(&armor::lines(armor, BEGIN, END)?)
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
        put_string(&mut data, self.reserved);
        put_string(&mut data, self.hash_name);
        put_string(&mut data, &self.hash.of(payload));
        Ok(data)
    }

    /// What a later version may say in the reserved field is signed, and means something to it; to ssh-keygen such a
    /// signature does not verify, because it takes the field for empty (sshsig.c, `sshsig_wrap_verify`).
    pub(super) fn asks_nothing_more(&self) -> Result<(), Defect> {
        match self.reserved {
            [] => Ok(()),
            _ => Err(Defect::Unsupported("a reserved field that is not empty".into())),
        }
    }
}
