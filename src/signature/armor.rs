//! Armor: base64 between two lines. Read strictly: what verifiers skip, before, between or after, is room for text that
//! nobody signed.

use super::Defect;
use ssh_key::encoding::base64::{Base64, Encoding};

/// The lines between the first, `begin`, and `end`, which only blank lines may follow.
pub(super) fn lines<'a>(armor: &'a [u8], begin: &[u8], end: &[u8]) -> Result<Vec<&'a [u8]>, Defect> {
    let mut lines = armor.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_end);
    if lines.next() != Some(begin) {
        return Err(malformed("its armor has no first line"));
    }
    let mut between = Vec::new();
    loop {
        match lines.next() {
            Some(line) if line == end => break,
            Some(line) if line.starts_with(b"-----") => return Err(malformed("its armor has a second first line")),
            Some(line) => between.push(line),
            None => return Err(malformed("its armor has no last line")),
        }
    }
    match lines.find(|line| !line.is_empty()) {
        None => Ok(between),
        Some(line) if line == begin => Err(Defect::Ambiguous),
        Some(_) => Err(malformed("something follows its armor")),
    }
}

/// What the lines encode together.
pub(super) fn decode(lines: &[&[u8]]) -> Result<Vec<u8>, Defect> {
    let base64 = String::from_utf8(lines.concat()).map_err(|_| malformed("its armor holds no base64"))?;
    Base64::decode_vec(&base64).map_err(|_| malformed("its armor holds no base64"))
}

fn malformed(what: &str) -> Defect {
    Defect::Malformed(what.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(armor: &str) -> Result<Vec<u8>, Defect> {
        decode(&lines(armor.as_bytes(), b"-----BEGIN X-----", b"-----END X-----")?)
    }

    #[test]
    fn blank_lines_and_carriage_returns_change_nothing() {
        assert_eq!(read("-----BEGIN X-----\nAAEC\nAwQF\n-----END X-----\n"), Ok(vec![0, 1, 2, 3, 4, 5]));
        assert_eq!(
            read("-----BEGIN X-----\r\nAAEC\r\n\r\nAwQF\r\n-----END X-----\r\n \n\n"),
            Ok(vec![0, 1, 2, 3, 4, 5])
        );
        assert_eq!(read("-----BEGIN X-----\nAA==\n-----END X-----"), Ok(vec![0]));
    }

    #[test]
    fn whatever_else_is_there_is_refused() {
        for (armor, why) in [
            (" -----BEGIN X-----\nAAEC\n-----END X-----\n", "its armor has no first line"),
            ("-----BEGIN X-----\nAAEC\n", "its armor has no last line"),
            (
                "-----BEGIN X-----\nAAEC\n-----BEGIN X-----\nAAEC\n-----END X-----\n",
                "its armor has a second first line",
            ),
            ("-----BEGIN X-----\nAAEC\n-----END X-----\nhello\n", "something follows its armor"),
            ("-----BEGIN X-----\nA EC\n-----END X-----\n", "its armor holds no base64"),
            ("-----BEGIN X-----\nAAECA\n-----END X-----\n", "its armor holds no base64"),
            ("-----BEGIN X-----\nAAECAA==AAEC\n-----END X-----\n", "its armor holds no base64"),
            // Bits beyond the last byte would be a second spelling of the same bytes.
            ("-----BEGIN X-----\nAB==\n-----END X-----\n", "its armor holds no base64"),
        ] {
            assert_eq!(read(armor), Err(malformed(why)), "{armor}");
        }
        let two = "-----BEGIN X-----\nAAEC\n-----END X-----\n";
        assert_eq!(read(&[two, two].concat()), Err(Defect::Ambiguous));
    }
}
