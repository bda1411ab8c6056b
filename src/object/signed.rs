//! What was signed, and by which signature bytes.

use super::headers::split_line;
use std::borrow::Cow;

/// A payload and the one signature over it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed<'a> {
    /// The bytes the signature is over, exactly as git computes them.
    pub payload: Cow<'a, [u8]>,
    /// What git hands to the verifier. In a tag it begins with a `-----BEGIN` line and has nothing but blank lines after
    /// the `-----END` line, if it has that; in a commit it is the header's value, whatever that is.
    pub signature: Cow<'a, [u8]>,
}

/// Where an object keeps its signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Slot<'a> {
    /// None for this repository's object format.
    Empty,
    /// One.
    One(Signed<'a>),
    /// More than one signature header (`gpgsig` twice, or `gpgsig` beside `gpgsig-sha256`), or more than one armor.
    Several,
}

/// How an armored signature begins and ends (git's gpg-interface.c, `openpgp_sigs`, `x509_sigs`, `ssh_sigs`).
const ARMORS: [(&[u8], &[u8]); 4] = [
    (b"-----BEGIN PGP SIGNATURE-----", b"-----END PGP SIGNATURE-----"),
    (b"-----BEGIN PGP MESSAGE-----", b"-----END PGP MESSAGE-----"),
    (b"-----BEGIN SIGNED MESSAGE-----", b"-----END SIGNED MESSAGE-----"),
    (b"-----BEGIN SSH SIGNATURE-----", b"-----END SSH SIGNATURE-----"),
];

/// Whether git takes this line for the beginning of a signature; more may follow on it.
pub(super) fn begins_armor(line: &[u8]) -> bool {
    line.starts_with(b"-----BEGIN ") && ARMORS.iter().any(|(begin, _)| line.starts_with(begin))
}

/// How many armors begin in a text, and where the last of them does, which is the one git takes (git's gpg-interface.c,
/// `parse_signed_buffer`).
pub(super) fn armors(text: &[u8]) -> (usize, Option<usize>) {
    let (mut count, mut last, mut at) = (0, None, 0);
    for line in text.split_inclusive(|&byte| byte == b'\n') {
        if begins_armor(line) {
            count += 1;
            last = Some(at);
        }
        at += line.len();
    }
    (count, last)
}

/// Whether anything but blank lines follows the line that ends this armor.
pub(super) fn has_text_after_end(armor: &[u8]) -> bool {
    let Some((_, end)) = ARMORS.iter().find(|(begin, _)| armor.starts_with(begin)) else { return false };
    let mut rest = armor;
    while let Some((line, after)) = split_line(rest) {
        if let Some(tail) = line.strip_prefix(*end) {
            return !(tail.trim_ascii().is_empty() && after.trim_ascii().is_empty());
        }
        rest = after;
    }
    rest.strip_prefix(*end).is_some_and(|tail| !tail.trim_ascii().is_empty())
}

/// Takes off the space that begins each line but the first.
pub(super) fn unfold(folded: &[u8]) -> Cow<'_, [u8]> {
    let mut lines = folded.split_inclusive(|&byte| byte == b'\n');
    let first = lines.next().unwrap_or_default();
    if first.len() == folded.len() {
        return Cow::Borrowed(folded);
    }
    let mut unfolded = Vec::with_capacity(folded.len());
    unfolded.extend_from_slice(first);
    for line in lines {
        unfolded.extend_from_slice(line.strip_prefix(b" ").unwrap_or(line));
    }
    Cow::Owned(unfolded)
}
