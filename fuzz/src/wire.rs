//! SSH's fields, armor and base64, written anew: a second reader beside the one that is fuzzed.

use ssh_key::encoding::base64::{Base64, Encoding};

/// The next string of RFC 4251, section 5.
pub fn string<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let (string, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    *rest = after;
    Some(string)
}

/// All strings of a field that holds nothing else.
pub fn strings(mut rest: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        found.push(string(&mut rest)?);
    }
    Some(found)
}

pub fn put(out: &mut Vec<u8>, string: &[u8]) {
    out.extend(u32::try_from(string.len()).unwrap().to_be_bytes());
    out.extend(string);
}

pub fn joined(strings: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    strings.iter().for_each(|string| put(&mut out, string));
    out
}

/// As `ssh-keygen` writes it.
pub fn ssh_armor(blob: &[u8]) -> Vec<u8> {
    armored(blob, "-----BEGIN SSH SIGNATURE-----\n", "-----END SSH SIGNATURE-----\n")
}

/// As `gpg` writes it, without a checksum.
pub fn openpgp_armor(packet: &[u8]) -> Vec<u8> {
    armored(packet, "-----BEGIN PGP SIGNATURE-----\n\n", "-----END PGP SIGNATURE-----\n")
}

fn armored(bytes: &[u8], begin: &str, end: &str) -> Vec<u8> {
    let base64 = Base64::encode_string(bytes);
    let mut armor = begin.as_bytes().to_vec();
    for line in base64.as_bytes().chunks(70) {
        armor.extend([line, b"\n"].concat());
    }
    armor.extend(end.as_bytes());
    armor
}

/// What the lines between the first and the last encode; `None` if that is not base64.
pub fn dearmored(armor: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(armor).ok()?;
    let base64: String = text.split('\n').map(str::trim_ascii_end).filter(|line| !line.starts_with("-----")).collect();
    Base64::decode_vec(&base64).ok()
}

/// The blob of a `type base64 comment` line.
pub fn public_key(line: &str) -> Vec<u8> {
    Base64::decode_vec(line.split(' ').nth(1).unwrap()).unwrap()
}

/// The bytes of a file that `ssh-keygen` keeps a private key in.
pub fn private_key(file: &str) -> Vec<u8> {
    let base64: String = file.lines().filter(|line| !line.starts_with("-----")).collect();
    Base64::decode_vec(&base64).unwrap()
}
