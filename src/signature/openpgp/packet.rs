//! The one packet that a detached signature consists of.

use super::{Defect, seconds, weak_algorithm};
use crate::{
    bounds::Bounds,
    push::Timestamp,
    signature::{Fingerprint, armor},
};
use sequoia_openpgp::{
    KeyHandle, Packet,
    packet::{
        Signature, Tag,
        signature::subpacket::{SubpacketTag, SubpacketValue},
    },
    parse::{Dearmor, PacketParserBuilder, PacketParserResult, Parse},
    types::{HashAlgorithm, SignatureType},
};
use std::{fmt, io::Read};

const BEGIN: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
const END: &[u8] = b"-----END PGP SIGNATURE-----";

/// A signature packet over a document, alone in its armor.
pub(super) struct Detached {
    pub(super) packet: Signature,
    /// As the packet says, in what it signs.
    pub(super) made: Timestamp,
}

impl Detached {
    /// Reads the armor and the one packet within.
    pub(super) fn read(armor: &[u8]) -> Result<Self, Defect> {
        let lines = armor::lines(armor, BEGIN, END)?;
        // Headers end at a blank line (RFC 9580, 6.2); a checksum may follow the data, and be wrong (6.1).
        let headers = lines
            .iter()
            .position(|line| line.is_empty())
            .ok_or_else(|| Defect::Malformed("its armor has no blank line after the headers".into()))?;
        let data = lines.get(headers + 1..).unwrap_or_default();
        let data = match data.split_last() {
            Some((last, data)) if last.starts_with(b"=") => data,
            _ => data,
        };
        let packet = only_packet(&armor::decode(data)?)?;
        let made = made(&packet)?;
        Ok(Self { packet, made })
    }

    /// What needs no key: type, hash, and whatever it asks a verifier to understand.
    pub(super) fn check(&self) -> Result<(), Defect> {
        if self.packet.typ() != SignatureType::Binary {
            return Err(Defect::Malformed(format!(
                "is no signature over a document, but of type \"{}\"",
                self.packet.typ()
            )));
        }
        let hash = self.packet.hash_algo();
        if let Some((_, name)) = WEAK_HASHES.iter().find(|(weak, _)| *weak == hash) {
            return Err(Defect::Weak((*name).into()));
        }
        if !hash.is_supported() {
            return Err(Defect::Unsupported(format!("hash algorithm {hash}")));
        }
        match weak_algorithm(self.packet.pk_algo()) {
            Some(name) => Err(Defect::Weak(name.into())),
            None => self.check_subpackets(),
        }
    }

    /// Whoever does not know a critical subpacket or notation must refuse the signature (RFC 9580, 5.2.3.7). As GnuPG
    /// does, also where the signature does not cover it.
    fn check_subpackets(&self) -> Result<(), Defect> {
        let areas = [self.packet.hashed_area(), self.packet.unhashed_area()];
        for subpacket in areas.into_iter().flat_map(|area| area.iter()).filter(|subpacket| subpacket.critical()) {
            if let SubpacketValue::NotationData(notation) = subpacket.value() {
                let name = notation.name().escape_default();
                return Err(Defect::Unsupported(format!("the critical notation `{name}`")));
            }
            if !UNDERSTOOD.contains(&subpacket.tag()) {
                return Err(Defect::Unsupported(format!("the critical subpacket \"{}\"", subpacket.tag())));
            }
        }
        Ok(())
    }

    /// The keys that it may be by: those whose fingerprints it covers, else all that it names.
    pub(super) fn issuers(&self) -> Result<Vec<KeyHandle>, Defect> {
        let mut issuers: Vec<KeyHandle> = self.covered_issuers().map(KeyHandle::from).collect();
        if issuers.is_empty() {
            issuers.extend(self.packet.issuer_fingerprints().map(KeyHandle::from));
            issuers.extend(self.packet.issuers().map(KeyHandle::from));
        }
        match issuers.len() {
            0 => Err(Defect::Malformed("names no issuer".into())),
            1..=Bounds::OPENPGP_ISSUERS => Ok(issuers),
            _ => Err(Defect::Malformed("names too many issuers".into())),
        }
    }

    /// The fingerprint that it claims to be by, if it does.
    pub(super) fn claimed_issuer(&self) -> Option<Fingerprint> {
        self.covered_issuers().chain(self.packet.issuer_fingerprints()).next().map(super::fingerprint)
    }

    fn covered_issuers(&self) -> impl Iterator<Item = &sequoia_openpgp::Fingerprint> {
        self.packet.hashed_area().subpackets(SubpacketTag::IssuerFingerprint).filter_map(|subpacket| {
            if let SubpacketValue::IssuerFingerprint(issuer) = subpacket.value() { Some(issuer) } else { None }
        })
    }

    /// When it says it ceases to be good.
    pub(super) fn expires(&self) -> Option<Timestamp> {
        self.packet.signature_expiration_time().map(|end| Timestamp(seconds(end)))
    }
}

const WEAK_HASHES: [(HashAlgorithm, &str); 3] =
    [(HashAlgorithm::MD5, "MD5"), (HashAlgorithm::SHA1, "SHA-1"), (HashAlgorithm::RipeMD, "RIPEMD-160")];

/// What a signature over a document may ask a verifier to understand: what is understood here, or says nothing about who
/// signed what.
const UNDERSTOOD: &[SubpacketTag] = &[
    SubpacketTag::SignatureCreationTime,
    SubpacketTag::SignatureExpirationTime,
    SubpacketTag::Issuer,
    SubpacketTag::IssuerFingerprint,
    SubpacketTag::SignersUserID,
    SubpacketTag::PolicyURI,
    SubpacketTag::KeyFlags,
    SubpacketTag::Features,
    SubpacketTag::PreferredSymmetricAlgorithms,
    SubpacketTag::PreferredHashAlgorithms,
    SubpacketTag::PreferredCompressionAlgorithms,
];

fn only_packet(bytes: &[u8]) -> Result<Signature, Defect> {
    let builder = PacketParserBuilder::from_bytes(bytes).map_err(unreadable)?.dearmor(Dearmor::Disabled);
    let mut signature = None;
    let mut parsed = builder.build().map_err(unreadable)?;
    while let PacketParserResult::Some(mut parser) = parsed {
        // Before anything is decompressed or skipped.
        if parser.packet.tag() != Tag::Signature {
            return Err(Defect::Malformed(format!("holds a packet of the type \"{}\"", parser.packet.tag())));
        }
        if matches!(parser.packet, Packet::Unknown(_)) {
            // For its version.
            parser.buffer_unread_content().map_err(unreadable)?;
        } else if parser.read(&mut [0]).map_err(unreadable)? > 0 {
            return Err(Defect::Malformed("something follows the signature in its packet".into()));
        }
        let (packet, next) = parser.next().map_err(unreadable)?;
        if signature.is_some() {
            return Err(Defect::Ambiguous);
        }
        signature = Some(packet);
        parsed = next;
    }
    match signature {
        Some(Packet::Signature(signature)) if matches!(signature.version(), 4 | 6) => Ok(signature),
        Some(Packet::Signature(signature)) => {
            Err(Defect::Unsupported(format!("version {} signatures", signature.version())))
        }
        Some(Packet::Unknown(unknown)) => {
            // LibrePGP has a fifth version.
            if let (Tag::Signature, Some(version @ (0..=2 | 5 | 7..))) = (unknown.tag(), unknown.body().first()) {
                return Err(Defect::Unsupported(format!("version {version} signatures")));
            }
            Err(Defect::Malformed(format!("holds no readable signature packet: {}", unknown.error())))
        }
        Some(_) | None => Err(Defect::Malformed("holds no packet".into())),
    }
}

fn unreadable(error: impl fmt::Display) -> Defect {
    Defect::Malformed(format!("holds no readable packet: {error}"))
}

fn made(packet: &Signature) -> Result<Timestamp, Defect> {
    let tag = SubpacketTag::SignatureCreationTime;
    if packet.hashed_area().subpacket(tag).is_none() {
        let what = match packet.unhashed_area().subpacket(tag) {
            Some(_) => "does not cover its own creation time",
            None => "has no creation time",
        };
        return Err(Defect::Malformed(what.into()));
    }
    if packet.hashed_area().subpackets(tag).nth(1).is_some() {
        return Err(Defect::Malformed("has more than one creation time".into()));
    }
    let made = packet.signature_creation_time();
    made.map(|made| Timestamp(seconds(made))).ok_or_else(|| Defect::Malformed("has no creation time".into()))
}
