//! Those who sign: the same keys every time.

use super::{armor, openpgp, ssh};
use aws_lc_rs::{
    digest::{SHA512, digest},
    rsa::KeyPair as RsaKeyPair,
    signature::{Ed25519KeyPair, KeyPair as _},
};
use std::{fs, path::Path};

pub struct Signer {
    pub email: String,
    key: Key,
}

enum Key {
    Ssh(Ed25519KeyPair),
    OpenPgp(openpgp::Key),
}

/// RSA keys take seconds to make, and not from a seed.
const RSA: [&str; 2] = [include_str!("rsa-1.pem"), include_str!("rsa-2.pem")];

impl Signer {
    /// One of any number with ssh-ed25519.
    pub fn ssh(number: usize) -> Self {
        let email = format!("ssh-{number}@example.com");
        Self { key: Key::Ssh(ed25519(&email)), email }
    }

    /// One of any number with OpenPGP and Ed25519.
    pub fn openpgp(number: usize) -> Self {
        let email = format!("openpgp-{number}@example.com");
        let key = openpgp::Key::new(openpgp::Secret::Ed25519(ed25519(&email)));
        Self { key: Key::OpenPgp(key), email }
    }

    /// One of two with OpenPGP and RSA of 4096 bits.
    pub fn rsa(number: usize) -> Self {
        let secret = RsaKeyPair::from_der(&armor::from_pem(RSA[number])).unwrap();
        let key = openpgp::Key::new(openpgp::Secret::Rsa(secret));
        Self { key: Key::OpenPgp(key), email: format!("rsa-{number}@example.com") }
    }

    /// Ten, half with SSH, two with RSA.
    pub fn ten() -> Vec<Self> {
        let mut ten: Vec<Self> = (0..5).map(Self::ssh).collect();
        ten.extend((0..3).map(Self::openpgp));
        ten.extend((0..2).map(Self::rsa));
        ten
    }

    /// The armored signature over a commit of this time.
    pub fn sign(&self, payload: &[u8], seconds: u32) -> String {
        match &self.key {
            Key::Ssh(key) => ssh::sign(key, payload),
            Key::OpenPgp(key) => key.sign(payload, seconds),
        }
    }

    /// A signature over these bytes as they are, in no format.
    pub fn raw_signature(&self, message: &[u8]) -> Vec<u8> {
        match &self.key {
            Key::Ssh(key) => key.sign(message).as_ref().to_vec(),
            Key::OpenPgp(key) => key.raw_signature(message),
        }
    }

    /// As aws-lc-rs takes it.
    pub fn raw_public_key(&self) -> Vec<u8> {
        match &self.key {
            Key::Ssh(key) => key.public_key().as_ref().to_vec(),
            Key::OpenPgp(key) => key.raw_public_key(),
        }
    }

    /// Makes a registry of these: a line each in `allowed_signers`, or a file each in `openpgp`.
    pub fn write_registry(signers: &[Self], folder: &Path) {
        fs::create_dir_all(folder.join("openpgp")).unwrap();
        let mut allowed_signers = String::new();
        for Self { email, key } in signers {
            match key {
                Key::Ssh(key) => allowed_signers += &ssh::allowed_signer(key, email),
                Key::OpenPgp(key) => {
                    fs::write(folder.join(format!("openpgp/{email}.asc")), key.certificate(email)).unwrap();
                }
            }
        }
        fs::write(folder.join("allowed_signers"), allowed_signers).unwrap();
    }
}

fn ed25519(name: &str) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&digest(&SHA512, name.as_bytes()).as_ref()[..32]).unwrap()
}
