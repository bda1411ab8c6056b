//! `name <email> time zone` lines.

use crate::push::Timestamp;

/// An author, committer or tagger, as bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Person<'a> {
    /// The name without the spaces around it; may be empty.
    pub name: &'a [u8],
    /// What stands between the angle brackets; may be empty.
    pub email: &'a [u8],
    /// Seconds, whatever the zone says. Old versions of git wrote a time before 1970 as one near 2^64 seconds; that, too,
    /// is the latest time there is here, never an early one.
    pub time: Timestamp,
}

impl<'a> Person<'a> {
    /// Reads the value of a header as git does (git's ident.c, `split_ident_line`) where git's reading is the only one.
    ///
    /// A zone is a sign and digits, as many as there are (`+051800` and `-7` exist), since nobody judges by it. A negative
    /// time is refused: git reads none, and takes the person to have no time.
    ///
    /// # Errors
    /// What is wrong, to be read after "has an `author` header".
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, &'static str> {
        const NO_EMAIL: &str = "without an email address in angle brackets";
        let (name, rest) = split_at_byte(line, b'<').ok_or(NO_EMAIL)?;
        let (email, rest) = split_at_byte(rest, b'>').ok_or(NO_EMAIL)?;
        // Git takes the first pair for the email and looks for the time behind the last bracket: two readers, two people.
        if [name, email, rest].iter().any(|part| part.iter().any(|byte| b"<>".contains(byte))) {
            return Err("with angle brackets besides those around the email address");
        }
        let rest = rest.strip_prefix(b" ").ok_or("without a space after the email address")?.trim_ascii_start();
        let (seconds, zone) = split_at_byte(rest, b' ').unwrap_or((rest, b""));
        let time = parse_seconds(seconds).ok_or("without a time in seconds")?;
        match zone.split_first() {
            Some((b'+' | b'-', digits)) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {}
            Some(_) | None => return Err("without a time zone such as `+0000` at its end"),
        }
        Ok(Self { name: name.trim_ascii(), email, time })
    }
}

fn split_at_byte(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&byte| byte == separator)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Up to 20 digits, as many as a time of git's can have.
fn parse_seconds(digits: &[u8]) -> Option<Timestamp> {
    if digits.is_empty() || digits.len() > 20 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = std::str::from_utf8(digits).ok()?.parse().unwrap_or(i64::MAX);
    Some(Timestamp(seconds))
}
