//! SSH signatures over commits, as `ssh-keygen -Y sign` makes them (OpenSSH's PROTOCOL.sshsig).

use super::armor::base64;
use aws_lc_rs::{
    digest::{SHA512, digest},
    signature::{Ed25519KeyPair, KeyPair},
};

/// The armored signature.
pub fn sign(key: &Ed25519KeyPair, payload: &[u8]) -> String {
    let fields: [&[u8]; 3] = [b"git", b"", b"sha512"];
    let mut signed = b"SSHSIG".to_vec();
    for field in fields {
        string(&mut signed, field);
    }
    string(&mut signed, digest(&SHA512, payload).as_ref());
    let mut signature = Vec::new();
    string(&mut signature, b"ssh-ed25519");
    string(&mut signature, key.sign(&signed).as_ref());

    let mut blob = b"SSHSIG\x00\x00\x00\x01".to_vec();
    string(&mut blob, &public(key));
    for field in fields {
        string(&mut blob, field);
    }
    string(&mut blob, &signature);
    let text = base64(&blob);
    let lines: Vec<_> = text.as_bytes().chunks(70).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n", lines.join("\n"))
}

/// A line of `allowed_signers`.
pub fn allowed_signer(key: &Ed25519KeyPair, email: &str) -> String {
    format!("{email} ssh-ed25519 {}\n", base64(&public(key)))
}

fn public(key: &Ed25519KeyPair) -> Vec<u8> {
    let mut blob = Vec::new();
    string(&mut blob, b"ssh-ed25519");
    string(&mut blob, key.public_key().as_ref());
    blob
}

fn string(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
    out.extend(bytes);
}
