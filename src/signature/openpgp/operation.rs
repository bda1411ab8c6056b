//! Whether a key of a certificate made a signature, and may have.

use super::{
    Defect,
    holder::{HeldKey, Holder},
    packet::Detached,
    seconds,
};
use crate::signature::public_key::{self, Curve, Hash};
use sequoia_openpgp::{
    crypto::{hash::Hash as _, mpi},
    packet::Signature,
    types::{Curve as PacketCurve, HashAlgorithm},
};

/// Verifies with the key of that number. Repeats what sequoia's own verification asks beside the arithmetic
/// (packet/signature.rs, `verify_digest_internal`).
pub(super) fn verify(signature: &Detached, holder: &Holder, index: usize, payload: &[u8]) -> Result<(), Defect> {
    let key = holder.keys.get(index).ok_or(Defect::KeyNotHeld)?;
    let packet = &signature.packet;
    if (packet.version() == 6) != (key.key.version() == 6) {
        let (one, other) = (packet.version(), key.key.version());
        return Err(Defect::Improper(format!("is of version {one}, its key of version {other}")));
    }
    compute(packet, key, payload)?;
    if signature.made.0 < seconds(key.key.creation_time()) {
        return Err(Defect::Improper("is dated before its key was made".into()));
    }
    key.may_sign.clone()
}

/// The public-key operation over the digest.
fn compute(packet: &Signature, key: &HeldKey, payload: &[u8]) -> Result<(), Defect> {
    key.strength.clone()?;
    let digest = digest(packet, payload)?;
    match (key.key.mpis(), packet.mpis()) {
        (mpi::PublicKey::RSA { e, n }, mpi::Signature::RSA { s }) => {
            if let Some(hash) = hash(packet.hash_algo()) {
                return public_key::verify_rsa(n.value(), e.value(), hash, &digest, s.value());
            }
        }
        (mpi::PublicKey::ECDSA { curve, q }, mpi::Signature::ECDSA { r, s }) => {
            if let Some(curve) = nist(curve) {
                return public_key::verify_ecdsa(curve, q.value(), &digest, r.value(), s.value());
            }
        }
        (mpi::PublicKey::EdDSA { curve: PacketCurve::Ed25519, q }, mpi::Signature::EdDSA { r, s }) => {
            // A native point behind the octet 0x40; two numbers in place of one string (RFC 9580, 5.2.3.3.1).
            let point = q.value().strip_prefix(&[0x40]).unwrap_or_default();
            let (Ok(r), Ok(s)) = (r.value_padded(32), s.value_padded(32)) else { return Err(Defect::DoesNotVerify) };
            return public_key::verify_ed25519(point, &digest, &[r, s].concat());
        }
        (mpi::PublicKey::Ed25519 { a }, mpi::Signature::Ed25519 { s }) => {
            return public_key::verify_ed25519(a, &digest, s.as_slice());
        }
        _ => {}
    }
    // What aws-lc-rs does not do: RSA with other hashes, Ed448, post-quantum algorithms.
    key.key.verify(packet.mpis(), packet.hash_algo(), &digest).map_err(|_| Defect::DoesNotVerify)
}

fn hash(algorithm: HashAlgorithm) -> Option<Hash> {
    const HASHES: [(HashAlgorithm, Hash); 3] = [
        (HashAlgorithm::SHA256, Hash::Sha256),
        (HashAlgorithm::SHA384, Hash::Sha384),
        (HashAlgorithm::SHA512, Hash::Sha512),
    ];
    HASHES.iter().find(|(other, _)| *other == algorithm).map(|(_, hash)| *hash)
}

fn digest(packet: &Signature, payload: &[u8]) -> Result<Vec<u8>, Defect> {
    let algorithm = packet.hash_algo();
    let unsupported = |_| Defect::Unsupported(format!("hash algorithm {algorithm}"));
    let mut hash = algorithm.context().map_err(unsupported)?.for_signature(packet.version());
    if let Signature::V6(packet) = packet {
        if algorithm.salt_size().ok() != Some(packet.salt().len()) {
            return Err(Defect::Malformed("has a salt of the wrong length".into()));
        }
        hash.update(packet.salt());
    }
    hash.update(payload);
    packet.hash(&mut hash).map_err(unsupported)?;
    hash.into_digest().map_err(unsupported)
}

fn nist(curve: &PacketCurve) -> Option<Curve> {
    const CURVES: [(PacketCurve, Curve); 3] = [
        (PacketCurve::NistP256, Curve::P256),
        (PacketCurve::NistP384, Curve::P384),
        (PacketCurve::NistP521, Curve::P521),
    ];
    CURVES.iter().find(|(other, _)| other == curve).map(|(_, curve)| *curve)
}
