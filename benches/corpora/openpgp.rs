//! OpenPGP certificates and signatures of version 4, as GnuPG makes them (RFC 4880; for Ed25519, RFC 9580 section 5.5.5.5).
//! Written by hand for the sake of speed: thousands of RSA signatures are made.

use super::armor;
use aws_lc_rs::{
    digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA512, digest},
    rand::SystemRandom,
    rsa::KeyPair as RsaKeyPair,
    signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA512},
};

pub enum Secret {
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

pub struct Key {
    secret: Secret,
    /// The body of the public key's packet.
    body: Vec<u8>,
    fingerprint: Vec<u8>,
}

/// When all keys were made: before any commit.
const MADE: u32 = 1_577_836_800;

const RSA: u8 = 1;
const ECDH: u8 = 18;
const EDDSA: u8 = 22;
const HASH_SHA512: u8 = 10;
const OID_ED25519: &[u8] = b"\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01";
const OID_CURVE25519: &[u8] = b"\x0a\x2b\x06\x01\x04\x01\x97\x55\x01\x05\x01";
/// Of ECDH: SHA-256 and AES-128.
const KDF: &[u8] = b"\x03\x01\x08\x07";

#[derive(Clone, Copy)]
enum Type {
    Binary = 0x00,
    Certification = 0x13,
    SubkeyBinding = 0x18,
}

#[derive(Clone, Copy)]
enum Tag {
    Signature = 2,
    PublicKey = 6,
    UserId = 13,
    PublicSubkey = 14,
}

impl Key {
    pub fn new(secret: Secret) -> Self {
        let mut body = beginning(match &secret {
            Secret::Ed25519(_) => EDDSA,
            Secret::Rsa(_) => RSA,
        });
        match &secret {
            Secret::Ed25519(key) => {
                body.extend(OID_ED25519);
                integer(&mut body, &[&[0x40], key.public_key().as_ref()].concat());
            }
            Secret::Rsa(key) => {
                // RFC 8017, appendix A.1.1: with 4096 bits, the modulus is these bytes; what follows is the exponent.
                let der = key.public_key().as_ref();
                integer(&mut body, &der[8..521]);
                integer(&mut body, &der[523..]);
            }
        }
        let fingerprint = digest(&SHA1_FOR_LEGACY_USE_ONLY, &framed(&body)).as_ref().to_vec();
        Self { secret, body, fingerprint }
    }

    pub fn raw_signature(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Secret::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA512, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        }
    }

    pub fn raw_public_key(&self) -> Vec<u8> {
        match &self.secret {
            Secret::Ed25519(key) => key.public_key().as_ref().to_vec(),
            Secret::Rsa(key) => key.public_key().as_ref().to_vec(),
        }
    }

    /// The armored signature of a commit.
    pub fn sign(&self, payload: &[u8], seconds: u32) -> String {
        armor::openpgp("SIGNATURE", &self.signature(Type::Binary, payload, seconds, &[]))
    }

    /// The certificate, armored: the key, which certifies and signs, one user ID, and a subkey to encrypt to, as GnuPG adds.
    pub fn certificate(&self, email: &str) -> String {
        let user_id = format!("Somebody Else <{email}>").into_bytes();
        let named = [&framed(&self.body)[..], &[0xb4], &length32(&user_id), &user_id].concat();
        let mut subkey = beginning(ECDH);
        subkey.extend(OID_CURVE25519);
        integer(&mut subkey, &[&[0x40], &digest(&SHA512, &self.body).as_ref()[..32]].concat());
        subkey.extend(KDF);
        let bound = [framed(&self.body), framed(&subkey)].concat();
        let certificate = [
            packet(Tag::PublicKey, &self.body),
            packet(Tag::UserId, &user_id),
            self.signature(Type::Certification, &named, MADE, &[2, 27, 0x03]),
            packet(Tag::PublicSubkey, &subkey),
            self.signature(Type::SubkeyBinding, &bound, MADE, &[2, 27, 0x0c]),
        ];
        armor::openpgp("PUBLIC KEY BLOCK", &certificate.concat())
    }

    /// RFC 4880, sections 5.2.3 and 5.2.4.
    fn signature(&self, kind: Type, signed: &[u8], seconds: u32, more: &[u8]) -> Vec<u8> {
        let algorithm = match self.secret {
            Secret::Ed25519(_) => EDDSA,
            Secret::Rsa(_) => RSA,
        };
        let mut hashed = vec![22, 33, 4];
        hashed.extend(&self.fingerprint);
        hashed.extend([5, 2]);
        hashed.extend(seconds.to_be_bytes());
        hashed.extend(more);
        let mut body = vec![4, kind as u8, algorithm, HASH_SHA512];
        body.extend(length16(&hashed));
        body.extend(hashed);
        let signed = [signed, &body, &[4, 0xff], &length32(&body)].concat();
        let hash = digest(&SHA512, &signed);
        body.extend([0, 10, 9, 16]);
        body.extend(&self.fingerprint[12..]);
        body.extend(&hash.as_ref()[..2]);
        match &self.secret {
            Secret::Ed25519(key) => {
                let signature = key.sign(hash.as_ref());
                integer(&mut body, &signature.as_ref()[..32]);
                integer(&mut body, &signature.as_ref()[32..]);
            }
            Secret::Rsa(_) => integer(&mut body, &self.raw_signature(&signed)),
        }
        packet(Tag::Signature, &body)
    }
}

/// Of a key's packet: version, time, algorithm.
fn beginning(algorithm: u8) -> Vec<u8> {
    let mut body = vec![4];
    body.extend(MADE.to_be_bytes());
    body.push(algorithm);
    body
}

/// A key as it is hashed.
fn framed(body: &[u8]) -> Vec<u8> {
    [&[0x99], &length16(body)[..], body].concat()
}

fn packet(tag: Tag, body: &[u8]) -> Vec<u8> {
    [&[0xc0 | tag as u8, 0xff][..], &length32(body), body].concat()
}

/// RFC 4880, section 3.2.
fn integer(out: &mut Vec<u8>, bytes: &[u8]) {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let bytes = &bytes[zeros..];
    let bits = bytes.first().map_or(0, |first| bytes.len() * 8 - first.leading_zeros() as usize);
    out.extend(u16::try_from(bits).unwrap().to_be_bytes());
    out.extend(bytes);
}

fn length16(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap().to_be_bytes()
}

fn length32(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap().to_be_bytes()
}
