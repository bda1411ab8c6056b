//! Ref updates as receive-pack states them: lines for `pre-receive`, arguments for `update` (githooks(5)).

use super::{Change, ObjectFormat, ObjectId, Push, RefName, RefUpdate};
use std::{collections::HashSet, fmt};

/// Why what arrived is not a list of ref updates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidUpdate {
    /// The line's number from 1; 0 where there is no line.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

impl fmt::Display for InvalidUpdate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(self.what),
            line => write!(f, "line {line}: {}", self.what),
        }
    }
}

impl std::error::Error for InvalidUpdate {}

/// Reads `<old> SP <new> SP <ref> LF` lines, each whole, at least one, no ref twice.
///
/// # Errors
/// Names the first line that is anything else.
pub fn parse_lines(input: &[u8], format: ObjectFormat) -> Result<Push, InvalidUpdate> {
    if input.is_empty() {
        return Err(InvalidUpdate { line: 0, what: "no ref update arrived on standard input" });
    }
    let Some(whole) = input.strip_suffix(b"\n") else {
        return Err(InvalidUpdate { line: 0, what: "the last line is not whole" });
    };
    let updates = whole.split(|&byte| byte == b'\n').zip(1..).map(|(line, number)| {
        let mut fields = line.splitn(3, |&byte| byte == b' ');
        match (fields.next(), fields.next(), fields.next()) {
            (Some(old), Some(new), Some(name)) => update(name, old, new, format),
            _ => Err("not `<old> <new> <ref>`"),
        }
        .map_err(|what| InvalidUpdate { line: number, what })
    });
    unique(updates.collect::<Result<_, _>>()?)
}

/// Reads one update from the arguments `<ref> <old> <new>`, in the order of git's `update` hook.
///
/// # Errors
/// Says what is wrong with them.
pub fn parse_arguments(arguments: &[[&[u8]; 3]], format: ObjectFormat) -> Result<Push, InvalidUpdate> {
    let updates = arguments
        .iter()
        .map(|&[name, old, new]| update(name, old, new, format).map_err(|what| InvalidUpdate { line: 0, what }));
    unique(updates.collect::<Result<_, _>>()?)
}

fn update(name: &[u8], old: &[u8], new: &[u8], format: ObjectFormat) -> Result<RefUpdate, &'static str> {
    let name = RefName::new(name).ok_or("not a full ref name")?;
    let change = match (id(old, format)?, id(new, format)?) {
        (None, Some(new)) => Change::Create { new },
        (Some(old), Some(new)) => Change::Move { old, new },
        (Some(old), None) => Change::Delete { old },
        (None, None) => return Err("neither an old nor a new value"),
    };
    Ok(RefUpdate { name, change })
}

/// `None` is the null id.
fn id(hex: &[u8], format: ObjectFormat) -> Result<Option<ObjectId>, &'static str> {
    if hex.len() != format.hex_len() {
        return Err("an object id has the wrong length for this repository");
    }
    if hex.iter().all(|&byte| byte == b'0') {
        return Ok(None);
    }
    ObjectId::from_hex(hex).map(Some).ok_or("an object id has a character that is no lower-case hexadecimal digit")
}

fn unique(updates: Vec<RefUpdate>) -> Result<Push, InvalidUpdate> {
    let mut seen = HashSet::new();
    match updates.iter().position(|update| !seen.insert(&update.name)) {
        Some(at) => Err(InvalidUpdate { line: at + 1, what: "this ref stands in the push twice" }),
        None => Ok(Push { updates }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "1111111111111111111111111111111111111111";
    const NEW: &str = "2222222222222222222222222222222222222222";
    const NULL: &str = "0000000000000000000000000000000000000000";

    fn parse(text: &str) -> Result<Push, &'static str> {
        parse_lines(text.as_bytes(), ObjectFormat::Sha1).map_err(|error| error.what)
    }

    #[test]
    fn a_create_a_move_and_a_deletion() {
        let text = format!("{NULL} {NEW} refs/heads/a\n{OLD} {NEW} refs/heads/b\n{OLD} {NULL} refs/heads/c\n");
        let changes: Vec<_> = parse(&text).unwrap().updates.into_iter().map(|update| update.change).collect();
        let (old, new) = (ObjectId::from_hex(OLD.as_bytes()).unwrap(), ObjectId::from_hex(NEW.as_bytes()).unwrap());
        assert_eq!(changes, [Change::Create { new }, Change::Move { old, new }, Change::Delete { old }]);
    }

    #[test]
    fn whatever_is_not_exactly_that_is_refused_with_its_reason() {
        let line = format!("{OLD} {NEW} refs/heads/main");
        for (text, why) in [
            (String::new(), "no ref update arrived on standard input"),
            (line.clone(), "the last line is not whole"),
            (format!("{line}\n\n"), "not `<old> <new> <ref>`"),
            (format!("{line}\n{line}\n"), "this ref stands in the push twice"),
            (format!("{OLD}  {NEW} refs/heads/main\n"), "not a full ref name"),
            (format!("{line} \n"), "not a full ref name"),
            (format!("{OLD} {NEW} main\n"), "not a full ref name"),
            (format!("{NULL} {NULL} refs/heads/main\n"), "neither an old nor a new value"),
            (format!("{OLD}{OLD} {NEW} refs/heads/main\n"), "an object id has the wrong length for this repository"),
            (line.replace('1', "A") + "\n", "an object id has a character that is no lower-case hexadecimal digit"),
        ] {
            assert_eq!(parse(&text).unwrap_err(), why, "{text:?}");
        }
    }

    #[test]
    fn the_other_format_has_longer_ids() {
        let (old, new) = ("3".repeat(64), "4".repeat(64));
        assert!(parse_arguments(&[[b"refs/heads/main", old.as_bytes(), new.as_bytes()]], ObjectFormat::Sha256).is_ok());
        assert!(parse_arguments(&[[b"refs/heads/main", old.as_bytes(), new.as_bytes()]], ObjectFormat::Sha1).is_err());
    }
}
