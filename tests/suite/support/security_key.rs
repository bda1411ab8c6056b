//! A security key that is none: an Ed25519 key made here, which signs as a FIDO token does (OpenSSH's PROTOCOL.u2f).

use super::{
    World,
    objects::{self, Commit, signature_header},
};
use aws_lc_rs::{
    digest::{self, SHA256, SHA512},
    signature::{Ed25519KeyPair, KeyPair},
};
use ssh_key::encoding::base64::{Base64, Base64Unpadded, Encoding};

/// Somebody touched it.
pub const TOUCHED: u8 = 0x01;
/// Somebody touched it and unlocked it.
pub const UNLOCKED: u8 = 0x05;

const TYPE: &[u8] = b"sk-ssh-ed25519@openssh.com";
const APPLICATION: &[u8] = b"ssh:";

fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[9; 32]).unwrap()
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

fn blob() -> Vec<u8> {
    [string(TYPE), string(pair().public_key().as_ref()), string(APPLICATION)].concat()
}

/// `sk-ssh-ed25519@openssh.com AAAA…`
pub fn public() -> String {
    format!("{} {}", String::from_utf8_lossy(TYPE), Base64::encode_string(&blob()))
}

/// `SHA256:…`
pub fn fingerprint() -> String {
    format!("SHA256:{}", Base64Unpadded::encode_string(digest::digest(&SHA256, &blob()).as_ref()))
}

/// An armored signature in git's namespace. `flags`: what it says of its user.
pub fn sign(flags: u8, payload: &[u8]) -> String {
    let sum = digest::digest(&SHA512, payload);
    let envelope = [string(b"git"), string(b""), string(b"sha512")].concat();
    let data = [&b"SSHSIG"[..], &envelope, &string(sum.as_ref())].concat();
    let sha256 = |bytes: &[u8]| digest::digest(&SHA256, bytes).as_ref().to_vec();
    let counter = 7u32.to_be_bytes();
    let signature = pair().sign(&[sha256(APPLICATION), vec![flags], counter.to_vec(), sha256(&data)].concat());
    let field = [string(TYPE), string(signature.as_ref()), vec![flags], counter.to_vec()].concat();
    let whole = [&b"SSHSIG\0\0\0\x01"[..], &string(&blob()), &envelope, &string(&field)].concat();
    let base64 = Base64::encode_string(&whole);
    let lines: Vec<&str> = base64.as_bytes().chunks(70).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

/// A commit that it signed, in the clone.
pub fn commit(world: &World, flags: u8, parents: &[&str], message: &str) -> String {
    let commit = Commit::new(world, parents, message);
    objects::write(world, "commit", &commit.with(&signature_header(world, &sign(flags, &commit.payload()))))
}
