//! Object ids of both formats.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

/// Which hash names the objects of a repository (git's `extensions.objectFormat`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ObjectFormat {
    /// 20 bytes; the default.
    Sha1,
    /// 32 bytes.
    Sha256,
}

impl ObjectFormat {
    /// How many hexadecimal digits a full id has.
    pub fn hex_len(self) -> usize {
        match self {
            Self::Sha1 => 40,
            Self::Sha256 => 64,
        }
    }

    /// The header that holds a commit's signature in a repository of this format (git's `commit.c`, `gpg_sig_headers`).
    pub fn signature_header(self) -> &'static [u8] {
        match self {
            Self::Sha1 => b"gpgsig",
            Self::Sha256 => b"gpgsig-sha256",
        }
    }
}

/// The name of an object; never the null id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectId {
    /// SHA-1, 20 bytes.
    Sha1([u8; 20]),
    /// SHA-256, 32 bytes.
    Sha256([u8; 32]),
}

/// Ids without an order. Their hash is seeded anew in each process, and quick: ids are spread evenly already.
pub type ObjectIdSet = HashSet<ObjectId, foldhash::fast::RandomState>;

/// By id, without an order.
pub type ObjectIdMap<T> = HashMap<ObjectId, T, foldhash::fast::RandomState>;

impl ObjectId {
    /// Reads a full id of 40 or 64 lower-case hexadecimal digits; `None` for anything else and for the null id.
    pub fn from_hex(hex: &[u8]) -> Option<Self> {
        fn decode<const N: usize>(hex: &[u8]) -> Option<[u8; N]> {
            let mut bytes = [0; N];
            for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
                let &[high, low] = pair else { return None };
                *byte = digit(high)? << 4 | digit(low)?;
            }
            bytes.iter().any(|&byte| byte != 0).then_some(bytes)
        }
        match hex.len() {
            40 => decode(hex).map(Self::Sha1),
            64 => decode(hex).map(Self::Sha256),
            _ => None,
        }
    }

    /// Takes the raw bytes of an id (20 or 32); `None` for another length and for the null id.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.iter().all(|&byte| byte == 0) {
            return None;
        }
        match bytes.len() {
            20 => bytes.try_into().ok().map(Self::Sha1),
            32 => bytes.try_into().ok().map(Self::Sha256),
            _ => None,
        }
    }

    /// The raw bytes, 20 or 32.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha1(bytes) => bytes,
            Self::Sha256(bytes) => bytes,
        }
    }

    /// Which hash made this id.
    pub fn format(&self) -> ObjectFormat {
        match self {
            Self::Sha1(_) => ObjectFormat::Sha1,
            Self::Sha256(_) => ObjectFormat::Sha256,
        }
    }

    /// The first seven digits, as people quote it.
    pub fn short(&self) -> String {
        self.to_string().chars().take(7).collect()
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // At once: lists of a push have thousands.
        let (mut hex, bytes) = ([0; 64], self.as_bytes());
        for (pair, byte) in hex.chunks_exact_mut(2).zip(bytes) {
            pair.copy_from_slice(&[digit_of(byte >> 4), digit_of(byte & 15)]);
        }
        let hex = hex.get(..bytes.len() * 2).unwrap_or_default();
        f.write_str(std::str::from_utf8(hex).unwrap_or_default())
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Of a number below 16.
fn digit_of(number: u8) -> u8 {
    if number < 10 { b'0' + number } else { b'a' + (number - 10) }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_full_lower_case_ids_are_ids() {
        let full = b"3f2a91c03f2a91c03f2a91c03f2a91c03f2a91c0";
        assert_eq!(ObjectId::from_hex(full).map(|id| id.to_string()).as_deref(), std::str::from_utf8(full).ok());
        assert_eq!(ObjectId::from_hex(&full[1..]), None);
        assert_eq!(ObjectId::from_hex(&full.to_ascii_uppercase()), None);
        assert_eq!(ObjectId::from_hex(&[b'0'; 40]), None);
        assert_eq!(ObjectId::from_hex(&[b'0'; 64]), None);
        assert!(matches!(ObjectId::from_hex(&[b'a'; 64]), Some(ObjectId::Sha256(_))));
    }
}
