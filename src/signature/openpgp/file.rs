//! A file of certificates, taken apart no further than to tell one from the next.

use sequoia_openpgp::{
    armor::{Kind, Reader, ReaderMode},
    packet::Tag,
};
use std::io::Read;

/// Part of what a file holds in binary.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Piece<'b> {
    /// A certificate that a parser is to read, or what is none and what it is to refuse.
    ToRead(&'b [u8]),
    /// One whose packets are whole, and whose primary key is of a version that is not read.
    OfOtherVersion {
        version: u8,
        /// The first user ID, lossy.
        user: Option<String>,
    },
}

/// What the file holds in binary, armored blocks one by one.
pub(super) fn binaries(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    if bytes.first().is_some_and(|first| first & 0x80 != 0) { Ok(vec![bytes.into()]) } else { blocks(bytes) }
}

/// Every armored block of a file; text between them is nobody's concern, as people keep notes there.
fn blocks(bytes: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    const BEGIN: &[u8] = b"-----BEGIN PGP ";
    let mut found = Vec::new();
    let mut rest = bytes;
    while let Some(start) = position(rest, BEGIN) {
        let block = rest.get(start..).unwrap_or_default();
        let end =
            position(block.get(BEGIN.len()..).unwrap_or_default(), BEGIN).map_or(block.len(), |at| at + BEGIN.len());
        let (block, after) = block.split_at_checked(end).unwrap_or((block, &[]));
        let number = found.len() + 1;
        if block.starts_with(b"-----BEGIN PGP PRIVATE KEY BLOCK-----") {
            return Err("holds a secret key: export the public one".into());
        }
        if !block.starts_with(b"-----BEGIN PGP PUBLIC KEY BLOCK-----") {
            return Err(format!("has an armored block that is no public key, number {number}"));
        }
        let mut binary = Vec::new();
        Reader::from_bytes(block, ReaderMode::Tolerant(Some(Kind::PublicKey)))
            .read_to_end(&mut binary)
            .map_err(|error| format!("has an unreadable armored block, number {number}: {error}"))?;
        found.push(binary);
        rest = after;
    }
    if found.is_empty() { Err("holds no certificate".into()) } else { Ok(found) }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

/// The certificates, one by one. Sequoia would refuse a whole keyring for one of another version (GnuPG 2.4 makes them of
/// version 5 for Ed448), and with it every push of everybody else.
pub(super) fn certificates(binary: &[u8]) -> Vec<Piece<'_>> {
    let (first, mut rest) = first_certificate(binary);
    let mut pieces = vec![first];
    while !rest.is_empty() {
        let (next, after) = first_certificate(rest);
        pieces.push(next);
        rest = after;
    }
    pieces
}

/// What a public certificate consists of.
const PUBLIC: [Tag; 8] = [
    Tag::PublicKey,
    Tag::PublicSubkey,
    Tag::UserID,
    Tag::UserAttribute,
    Tag::Signature,
    Tag::Trust,
    Tag::Marker,
    Tag::Padding,
];

/// Up to where the next begins; nothing follows what is not whole.
fn first_certificate(bytes: &[u8]) -> (Piece<'_>, &[u8]) {
    let (mut rest, mut version, mut user, mut only_public) = (bytes, None, None, true);
    while !rest.is_empty() {
        let Some((packet, after)) = Packet::read(rest) else { return (Piece::ToRead(bytes), &[]) };
        if [Tag::PublicKey, Tag::SecretKey].contains(&packet.tag) {
            if version.is_some() {
                break;
            }
            let Some(first) = packet.body.first() else { return (Piece::ToRead(bytes), &[]) };
            version = Some(*first);
        }
        if packet.tag == Tag::UserID {
            user.get_or_insert_with(|| String::from_utf8_lossy(packet.body).into_owned());
        }
        only_public &= PUBLIC.contains(&packet.tag);
        rest = after;
    }
    let piece = match version {
        Some(version) if only_public && !matches!(version, 4 | 6) => Piece::OfOtherVersion { version, user },
        Some(_) | None => Piece::ToRead(bytes.get(..bytes.len() - rest.len()).unwrap_or_default()),
    };
    (piece, rest)
}

/// A packet's header and what it encloses (RFC 9580, 4.2).
struct Packet<'b> {
    tag: Tag,
    body: &'b [u8],
}

impl<'b> Packet<'b> {
    /// The first packet and what follows it. Lengths in parts, and those to the end, are not for certificates.
    fn read(bytes: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let (first, rest) = bytes.split_first()?;
        let (tag, (length, rest)) = match first {
            0xc0.. => (first & 0x3f, length(rest)?),
            0x80.. => ((first >> 2) & 0x0f, old_length(first & 0x03, rest)?),
            _ => return None,
        };
        let (body, rest) = rest.split_at_checked(length)?;
        Some((Self { tag: Tag::from(tag), body }, rest))
    }
}

fn length(bytes: &[u8]) -> Option<(usize, &[u8])> {
    match *bytes {
        [first @ ..192, ref rest @ ..] => Some((usize::from(first), rest)),
        [first @ 192..224, second, ref rest @ ..] => {
            Some(((usize::from(first) - 192) * 256 + usize::from(second) + 192, rest))
        }
        [255, ref rest @ ..] => big_endian(rest, 4),
        _ => None,
    }
}

/// `kind`: the last two bits of the octet before it.
fn old_length(kind: u8, bytes: &[u8]) -> Option<(usize, &[u8])> {
    match kind {
        0 => big_endian(bytes, 1),
        1 => big_endian(bytes, 2),
        2 => big_endian(bytes, 4),
        _ => None,
    }
}

fn big_endian(bytes: &[u8], width: usize) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_at_checked(width)?;
    Some((number.iter().fold(0, |number, &byte| number << 8 | usize::from(byte)), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
        [&[0xc0 | tag, u8::try_from(body.len()).unwrap()], body].concat()
    }

    /// A primary key of this version with a user ID and a signature, none of them readable.
    fn certificate(version: u8, user: &str) -> Vec<u8> {
        [packet(6, &[version, 0, 0, 0, 0, 28]), packet(13, user.as_bytes()), packet(2, &[version, 0x13])].concat()
    }

    fn other(version: u8, user: &str) -> Piece<'static> {
        Piece::OfOtherVersion { version, user: Some(user.into()) }
    }

    #[test]
    fn certificates_of_other_versions_are_told_from_those_to_read() {
        let (four, five, three, six) =
            (certificate(4, "a"), certificate(5, "b"), certificate(3, "c"), certificate(6, "d"));
        let whole = [&four[..], &six, &five, &three, &four].concat();
        assert_eq!(
            certificates(&whole),
            [Piece::ToRead(&four), Piece::ToRead(&six), other(5, "b"), other(3, "c"), Piece::ToRead(&four)]
        );
        assert_eq!(certificates(&packet(6, &[5])), [Piece::OfOtherVersion { version: 5, user: None }]);
        assert_eq!(certificates(&[packet(10, b"PGP"), five.clone()].concat()), [other(5, "b")]);
        let marked = [packet(10, b"PGP"), four].concat();
        assert_eq!(certificates(&marked), [Piece::ToRead(&marked)]);
        assert_eq!(certificates(b""), [Piece::ToRead(b"")]);
    }

    #[test]
    fn what_is_not_whole_or_no_certificate_is_left_for_the_parser_to_refuse() {
        let (four, five) = (certificate(4, "a"), certificate(5, "b"));
        for broken in [
            five[..five.len() - 1].to_vec(),
            [&five[..], b"junk"].concat(),
            // Literal data, a secret key, a secret subkey, a packet of a type that nobody knows.
            [five.clone(), packet(11, b"x")].concat(),
            packet(5, &[5, 0, 0, 0, 0, 28]),
            [five.clone(), packet(7, &[5])].concat(),
            [five.clone(), packet(63, b"x")].concat(),
            // Without a body, of a length in parts, and of none.
            packet(6, &[]),
            vec![0xc6, 0xe1, 5, 0],
            vec![0x9b, 5],
        ] {
            assert_eq!(certificates(&broken), [Piece::ToRead(&broken)], "{broken:x?}");
        }
        let broken = [&five[..five.len() - 1]].concat();
        let behind = [&five[..], &four, &broken].concat();
        assert_eq!(certificates(&behind), [other(5, "b"), Piece::ToRead(&four), Piece::ToRead(&broken)]);
    }

    #[test]
    fn every_form_of_a_packets_length() {
        let body = |length: usize| [&[5][..], &vec![0; length - 1]].concat();
        for (header, length) in [
            (vec![0xc6, 1], 1),
            (vec![0xc6, 191], 191),
            (vec![0xc6, 192, 0], 192),
            (vec![0xc6, 223, 255], 8383),
            (vec![0xc6, 255, 0, 0, 0x20, 0xc0], 8384),
            (vec![0x98, 255], 255),
            (vec![0x99, 1, 0], 256),
            (vec![0x9a, 0, 1, 0, 0], 65536),
        ] {
            let packet = [header, body(length)].concat();
            assert_eq!(certificates(&packet), [Piece::OfOtherVersion { version: 5, user: None }], "{length}");
            let short = &packet[..packet.len() - 1];
            assert_eq!(certificates(short), [Piece::ToRead(short)], "{length}");
        }
    }
}
