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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_people_and_times_are_read() {
        for (line, name, email, seconds) in [
            ("Alice Example <alice@example.com> 1700000000 +0100", "Alice Example", "alice@example.com", 1_700_000_000),
            ("  Alice   <a b>   0 -0000", "Alice", "a b", 0),
            (" <> 1 +051800", "", "", 1),
            ("<a@b> 1 +2460", "", "a@b", 1),
            ("O\u{1}ö \"x\" <a@b> 3786912000 -7", "O\u{1}ö \"x\"", "a@b", 3_786_912_000),
            ("A <a@b> 4294967297 +0000", "A", "a@b", 4_294_967_297),
            ("A <a@b> 0000000001 +0000", "A", "a@b", 1),
            ("A <a@b> 18446744073709551615 +0000", "A", "a@b", i64::MAX),
        ] {
            let person = Person { name: name.as_bytes(), email: email.as_bytes(), time: Timestamp(seconds) };
            assert_eq!(Person::parse(line.as_bytes()), Ok(person), "{line}");
        }
        assert_eq!(Person::parse(b"J\xf6rg <j\xf6@b> 1 +0000").unwrap().name, b"J\xf6rg");
    }

    #[test]
    fn whom_two_readers_may_read_as_two_people_is_refused() {
        for (line, why) in [
            ("Alice", "without an email address in angle brackets"),
            ("Alice <alice@example.com 1 +0000", "without an email address in angle brackets"),
            ("A <a@b> <c@d> 1 +0000", "with angle brackets besides those around the email address"),
            ("A <a<b> 1 +0000", "with angle brackets besides those around the email address"),
            ("A <a@b>> 1 +0000", "with angle brackets besides those around the email address"),
            ("A> <a@b> 1 +0000", "with angle brackets besides those around the email address"),
            ("A <a@b>1 +0000", "without a space after the email address"),
            ("A <a@b> -1 +0000", "without a time in seconds"),
            ("A <a@b> 1.5 +0000", "without a time in seconds"),
            ("A <a@b> 2026-01-31 +0000", "without a time in seconds"),
            ("A <a@b>  ", "without a time in seconds"),
            ("A <a@b> 123456789012345678901 +0000", "without a time in seconds"),
            ("A <a@b> 1", "without a time zone such as `+0000` at its end"),
            ("A <a@b> 1 0000", "without a time zone such as `+0000` at its end"),
            ("A <a@b> 1 +", "without a time zone such as `+0000` at its end"),
            ("A <a@b> 1 UTC", "without a time zone such as `+0000` at its end"),
            ("A <a@b> 1 +0000 ", "without a time zone such as `+0000` at its end"),
        ] {
            assert_eq!(Person::parse(line.as_bytes()), Err(why), "{line}");
        }
    }
}
