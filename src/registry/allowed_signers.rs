//! OpenSSH's `allowed_signers` (ssh-keygen(1), ALLOWED SIGNERS), read as `ssh-keygen -Y verify` reads it (sshsig.c,
//! `parse_principals_key_and_options` and `sshsigopt_parse`).
use super::{
    patterns::PatternList,
    people::folded,
    window::{Window, absolute_time},
};
use crate::{
    push::Timestamp,
    signature::{Fingerprint, Unusable, ssh::PublicKey},
};
use jiff::tz::TimeZone;
use std::collections::{HashMap, HashSet};

/// The whole file, or some of its lines, found by their key.
#[derive(Debug, Default)]
pub(super) struct AllowedSigners {
    /// Those that grant something, in the order of the file.
    pub(super) lines: Vec<Line>,
    /// Those that grant nothing.
    pub(super) unreadable: Vec<Unreadable>,
    /// The places in `lines` of the lines that let a key itself sign for git.
    pub(super) keys: HashMap<Fingerprint, Vec<usize>>,
    /// The places in `lines` of the lines that let a key certify others for git.
    pub(super) authorities: HashMap<Fingerprint, Vec<usize>>,
    /// Keys of lines whose `namespaces` leave git out.
    pub(super) for_other_uses: HashSet<Fingerprint>,
}

impl AllowedSigners {
    /// `numbered`: lines with their numbers. `local`: the time zone of windows that name none.
    pub(super) fn read<'t>(numbered: impl Iterator<Item = (usize, &'t str)>, local: &TimeZone) -> Self {
        let (mut lines, mut unreadable) = (Vec::new(), Vec::new());
        for (number, line) in numbered {
            match read_line(number, line, local) {
                Ok(line) => lines.extend(line),
                Err(what) => unreadable.push(Unreadable { number, what }),
            }
        }
        let mut allowed = Self { unreadable, ..Self::default() };
        for (place, line) in lines.iter().enumerate() {
            let key = line.key.clone();
            match line.role {
                _ if !line.admits_git() => {
                    allowed.for_other_uses.insert(key);
                }
                Role::Signer => allowed.keys.entry(key).or_default().push(place),
                Role::Authority => allowed.authorities.entry(key).or_default().push(place),
            }
        }
        allowed.lines = lines;
        allowed
    }

    /// Whether an authority's certificates may bear this name.
    pub(super) fn certifies(&self, name: &str) -> bool {
        let mut lines = self.authorities.values().flatten().filter_map(|&place| self.lines.get(place));
        let folded = folded(name);
        lines.any(|line| line.principals.admits(name) || line.principals.admits(&folded))
    }
}

/// A line that grants something.
#[derive(Clone, Debug)]
pub(super) struct Line {
    /// Counted from one.
    pub(super) number: usize,
    pub(super) principals: PatternList,
    pub(super) key: Fingerprint,
    /// SHA-1 of the same key.
    pub(super) sha1: [u8; 20],
    /// Why nothing that it signs counts, if so.
    pub(super) unusable: Option<Unusable>,
    /// What may sign: the key itself, or whom it certifies.
    pub(super) role: Role,
    /// `None`: all.
    pub(super) namespaces: Option<PatternList>,
    /// The second that `valid-before` names is the last that counts (sshsig.c, `check_allowed_keys_line`).
    pub(super) window: Window,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    Signer,
    Authority,
}

/// A line that grants nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Unreadable {
    pub(super) number: usize,
    /// Continues "it": "has no key".
    pub(super) what: String,
}

impl Line {
    /// Whether the key may sign in git's namespace.
    pub(super) fn admits_git(&self) -> bool {
        self.namespaces.as_ref().is_none_or(|namespaces| namespaces.admits("git"))
    }
}

const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// Comments and blank lines are neither granting nor unreadable.
fn read_line(number: usize, text: &str, local: &TimeZone) -> Result<Option<Line>, String> {
    let text = text.trim_start_matches(SPACE);
    if text.is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    // The C string ends there.
    if text.contains('\0') {
        return Err("has a NUL byte".into());
    }
    let (principals, rest) = principals(text)?;
    if principals.contains(['\u{feff}', char::REPLACEMENT_CHARACTER]) {
        return Err("has principals that are not UTF-8, or begins with a byte order mark".into());
    }
    let (options, key) = match read_key(rest) {
        Ok(key) => (Options::default(), key),
        // An algorithm's name is no option: say what is wrong with the key.
        Err(why) if ["ssh-", "ecdsa-", "sk-"].iter().any(|start| rest.starts_with(start)) => return Err(why),
        Err(_) => {
            let (options, rest) = rest.split_at(end_of_options(rest)?);
            let options = Options::read(options, local)?;
            (options, read_key(rest.trim_start_matches([' ', '\t']))?)
        }
    };
    let principals = PatternList(principals);
    if principals.names().is_empty() && !principals.admits_unnamed() {
        return Err("has principals that admit nobody".into());
    }
    Ok(Some(Line {
        number,
        principals,
        key: key.fingerprint(),
        sha1: key.sha1(),
        unusable: key.unusable(),
        role: options.role,
        namespaces: options.namespaces,
        window: Window {
            first: options.valid_after.unwrap_or(Window::OPEN.first),
            last: options.valid_before.unwrap_or(Window::OPEN.last),
        },
    }))
}

/// The first word and what follows it (misc.c, `strdelimw`): it ends at a space, or at the quote that closes one within.
fn principals(text: &str) -> Result<(String, &str), String> {
    let (before, after) = text.split_once([' ', '\t', '\r', '\n', '"']).ok_or("has no key")?;
    if text.as_bytes().get(before.len()) != Some(&b'"') {
        return Ok((before.into(), after.trim_start_matches(SPACE)));
    }
    let (quoted, after) = after.split_once('"').ok_or("has a quote that is not closed")?;
    Ok((format!("{before}{quoted}"), after.trim_start_matches(SPACE)))
}

/// Algorithm and base64; what follows is a comment (sshkey.c, `sshkey_read`).
pub(super) fn read_key(text: &str) -> Result<PublicKey, String> {
    let (algorithm, rest) = text.split_once([' ', '\t']).ok_or("has no key")?;
    let rest = rest.trim_start_matches([' ', '\t']);
    let base64 = rest.split([' ', '\t']).next().unwrap_or(rest).trim_end_matches(SPACE);
    PublicKey::from_fields(algorithm, base64).map_err(|why| format!("has no readable key: {why}"))
}

/// Options end at the first space outside quotes (auth-options.c, `sshkey_advance_past_options`).
fn end_of_options(text: &str) -> Result<usize, String> {
    let mut quoted = false;
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' if bytes.peek().is_some_and(|&(_, next)| next == b'"') => {
                bytes.next();
            }
            b'"' => quoted = !quoted,
            b' ' | b'\t' if !quoted => return Ok(at),
            _ => {}
        }
    }
    Err(if quoted { "has a quote that is not closed" } else { "has no key" }.into())
}

struct Options {
    role: Role,
    namespaces: Option<PatternList>,
    valid_after: Option<Timestamp>,
    valid_before: Option<Timestamp>,
}

impl Default for Options {
    fn default() -> Self {
        Self { role: Role::Signer, namespaces: None, valid_after: None, valid_before: None }
    }
}

impl Options {
    /// As OpenSSH, takes a comma too many, but for one at the end.
    fn read(text: &str, local: &TimeZone) -> Result<Self, String> {
        let mut options = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(after) = strip(rest, "cert-authority") {
                options.role = Role::Authority;
                rest = after;
            } else if let Some(after) = strip(rest, "namespaces=") {
                let value = quoted("namespaces", after, &mut rest)?;
                once("namespaces", &mut options.namespaces, PatternList(value))?;
            } else if let Some(after) = strip(rest, "valid-after=") {
                let time = time("valid-after", &quoted("valid-after", after, &mut rest)?, local)?;
                once("valid-after", &mut options.valid_after, time)?;
            } else if let Some(after) = strip(rest, "valid-before=") {
                let time = time("valid-before", &quoted("valid-before", after, &mut rest)?, local)?;
                once("valid-before", &mut options.valid_before, time)?;
            }
            rest = match rest.strip_prefix(',') {
                Some("") => return Err("has options that end with a comma".into()),
                Some(after) => after,
                None if rest.is_empty() => break,
                None => return Err(format!("has an unknown option: `{}`", rest.split(',').next().unwrap_or(rest))),
            };
        }
        match (options.valid_after, options.valid_before) {
            (Some(after), Some(before)) if before <= after => {
                Err("has a `valid-before` that is not after its `valid-after`".into())
            }
            _ => Ok(options),
        }
    }
}

/// What follows `name`, of either case.
fn strip<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then_some(rest)
}

/// A value in quotes, in which `\"` is a quote (misc.c, `opt_dequote`); `rest` becomes what follows it.
fn quoted<'t>(name: &str, text: &'t str, rest: &mut &'t str) -> Result<String, String> {
    let inner = text.strip_prefix('"').ok_or_else(|| format!("has a value of `{name}` that is not in quotes"))?;
    let mut value = String::new();
    let mut characters = inner.char_indices().peekable();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => {
                *rest = inner.get(at + 1..).unwrap_or_default();
                return Ok(value);
            }
            '\\' if characters.peek().is_some_and(|&(_, next)| next == '"') => {
                characters.next();
                value.push('"');
            }
            other => value.push(other),
        }
    }
    Err(format!("has a value of `{name}` without a closing quote"))
}

fn once<T>(name: &str, slot: &mut Option<T>, value: T) -> Result<(), String> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(format!("has `{name}` twice")),
    }
}

fn time(name: &str, text: &str, local: &TimeZone) -> Result<Timestamp, String> {
    absolute_time(text, local)
        .ok_or_else(|| format!("has a `{name}` that is no time of the form YYYYMMDD[HHMM[SS]][Z]: `{text}`"))
}
