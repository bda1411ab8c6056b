//! The lines before the first blank one, as commits and tags share them.

use super::{Malformed, Person, signed};
use crate::{
    bounds::Bounds,
    push::{ObjectFormat, ObjectId},
};
use memchr::memchr;
use std::{borrow::Cow, ops::Range, slice};

/// The headers of one object, in their order; those that must be first are taken one by one.
pub(super) struct Headers<'a> {
    all: Vec<Header<'a>>,
    taken: usize,
    /// All after the blank line.
    pub(super) body: &'a [u8],
}

/// One header with its continuation lines.
pub(super) struct Header<'a> {
    pub(super) name: &'a [u8],
    /// What follows the name and a space on the first line; `None` where there is no space.
    value: Option<&'a [u8]>,
    continued: bool,
    /// Where its lines are in the object, the last newline included.
    pub(super) range: Range<usize>,
}

impl<'a> Headers<'a> {
    /// Reads up to the blank line. `unique` are the names that stand once at most.
    pub(super) fn read(object: &'a [u8], unique: &[&str]) -> Result<Self, Malformed> {
        // Refused in the message, too: git's log and most readers end there, so what follows is unseen by whoever
        // reviews, and `git commit` never writes one (git's fsck.c, `nulInHeader` and `nulInCommit`).
        if memchr(0, object).is_some() {
            return malformed("has a NUL byte");
        }
        let mut all: Vec<Header<'a>> = Vec::with_capacity(8);
        let mut rest = object;
        let body = loop {
            let Some((line, after)) = split_line(rest) else {
                return malformed("has no blank line after its headers");
            };
            if line.is_empty() {
                break after;
            }
            let range = object.len() - rest.len()..object.len() - after.len();
            rest = after;
            if line.first() == Some(&b' ') {
                let Some(header) = all.last_mut() else { return malformed("begins with a continuation line") };
                header.continued = true;
                header.range.end = range.end;
                continue;
            }
            if line.ends_with(b"\r") {
                return malformed("has a header line that ends in a carriage return");
            }
            if all.len() == Bounds::HEADERS {
                return malformed(format!("has more than {} headers", Bounds::HEADERS));
            }
            let (name, value) = match line.iter().position(|&byte| byte == b' ') {
                Some(space) => (line.get(..space).unwrap_or_default(), line.get(space + 1..)),
                None => (line, None),
            };
            all.push(Header { name, value, continued: false, range });
        };
        let headers = Self { all, taken: 0, body };
        headers.check_signature_names()?;
        for name in unique {
            if headers.all.iter().filter(|header| header.is(name)).nth(1).is_some() {
                return malformed(format!("has two `{name}` headers"));
            }
        }
        Ok(headers)
    }

    /// Git takes every header whose name begins with `gpgsig` out of the payload, whatever follows, but reads a signature
    /// from `gpgsig` and `gpgsig-sha256` alone (git's commit.c, `parse_buffer_signed_by_header`): under any other name
    /// it is room that no signature covers.
    fn check_signature_names(&self) -> Result<(), Malformed> {
        for header in self.all.iter().filter(|header| header.name.starts_with(b"gpgsig")) {
            if !header.is_signature() {
                return malformed("has a header that begins with `gpgsig` and is neither `gpgsig` nor `gpgsig-sha256`");
            }
            if header.value.is_none() {
                return malformed(format!("has {} header without a value", header.quoted()));
            }
        }
        Ok(())
    }

    /// Takes the next header, which must be `name`.
    pub(super) fn required(&mut self, name: &str) -> Result<&Header<'a>, Malformed> {
        let Some(next) = self.all.get(self.taken) else { return malformed(format!("has no `{name}` header")) };
        if next.is(name) {
            self.taken += 1;
            return Ok(next);
        }
        match self.rest().any(|header| header.is(name)) {
            true => malformed(format!("has {} header before `{name}`", next.quoted())),
            false => malformed(format!("has no `{name}` header")),
        }
    }

    /// Takes the next header if it is `name`.
    pub(super) fn next_if(&mut self, name: &str) -> Option<&Header<'a>> {
        let next = self.all.get(self.taken).filter(|header| header.is(name))?;
        self.taken += 1;
        Some(next)
    }

    /// Those not taken yet.
    pub(super) fn rest(&self) -> slice::Iter<'_, Header<'a>> {
        self.all.get(self.taken..).unwrap_or_default().iter()
    }

    /// Refuses `name` among those not taken yet: its place is before `last`.
    pub(super) fn refuse_later(&self, name: &str, last: &str) -> Result<(), Malformed> {
        match self.rest().any(|header| header.is(name)) {
            true => malformed(format!("has a `{name}` header after `{last}`")),
            false => Ok(()),
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> slice::Iter<'_, Header<'a>> {
        self.all.iter()
    }
}

impl<'a> Header<'a> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name == name.as_bytes()
    }

    /// Whether it holds a signature, be it of this repository's object format or of the other.
    pub(super) fn is_signature(&self) -> bool {
        [ObjectFormat::Sha1, ObjectFormat::Sha256].iter().any(|format| self.name == format.signature_header())
    }

    /// Its value, which has to be one line.
    pub(super) fn line(&self) -> Result<&'a [u8], Malformed> {
        match self.value {
            _ if self.continued => malformed(format!("continues {} header on a second line", self.quoted())),
            Some(value) => Ok(value),
            None => malformed(format!("has {} header without a value", self.quoted())),
        }
    }

    /// Its value as an id of `format`.
    pub(super) fn id(&self, format: ObjectFormat) -> Result<ObjectId, Malformed> {
        let id = ObjectId::from_hex(self.line()?).filter(|id| id.format() == format);
        id.map_or_else(
            || {
                let digits = format.hex_len();
                malformed(format!("has {} header that is not an object id of {digits} digits", self.quoted()))
            },
            Ok,
        )
    }

    /// Its value as a person and a time.
    pub(super) fn person(&self) -> Result<Person<'a>, Malformed> {
        let line = self.line()?;
        Person::parse(line).or_else(|what| malformed(format!("has {} header {what}", self.quoted())))
    }

    /// Its value as it stands in the object, continuation lines with the space that begins them, the last newline
    /// included.
    pub(super) fn folded(&self, object: &'a [u8]) -> &'a [u8] {
        object.get(self.range.start + self.name.len() + 1..self.range.end).unwrap_or_default()
    }

    /// Its value with the space that begins each continuation line taken off, the last newline included, as git hands a
    /// signature to the verifier. One that is too large either way stays as it is, for nobody reads it.
    pub(super) fn unfolded(&self, object: &'a [u8]) -> Cow<'a, [u8]> {
        let value = self.folded(object);
        // A line is a newline at least, and a space before that.
        if value.len() > 2 * Bounds::SIGNATURE {
            return Cow::Borrowed(value);
        }
        signed::unfold(value)
    }

    /// An article and its name in backticks, or what to say instead where the name would not read as one.
    fn quoted(&self) -> String {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_:.".contains(byte);
        match std::str::from_utf8(self.name) {
            Ok(name) if name.len() <= 40 && name.bytes().all(|byte| plain(&byte)) => {
                let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
                format!("{article} `{name}`")
            }
            Ok(_) | Err(_) => "a strangely named".into(),
        }
    }
}

pub(super) fn malformed<T>(what: impl Into<String>) -> Result<T, Malformed> {
    Err(Malformed(what.into()))
}

/// The first line without its newline, and what follows that; `None` where there is no newline.
pub(super) fn split_line(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b'\n', text)?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}
