//! The text of a hook, fitted to where it is installed.

use super::Server;
use std::{
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// How hooks call the program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) struct Call {
    pub(in crate::cli) program: PathBuf,
    /// `None`: the default ones, the repository's own among them.
    pub(in crate::cli) policy: Option<PathBuf>,
    /// Who else may write policy and registry.
    pub(in crate::cli) allow_groups: Vec<String>,
    /// A file, or `journald`.
    pub(in crate::cli) log: Option<PathBuf>,
    /// By when a hook refuses what it has not decided, as `hook --deadline` takes it; `None`: its own default.
    pub(in crate::cli) deadline: Option<String>,
}

/// Before the checksum on a hook's second line.
const MARKER: &[u8] = b"# countersign-install: ";

impl Call {
    /// The options that every command needs to see what the hook sees, each after a space, quoted for a shell.
    fn options(&self) -> Vec<u8> {
        let mut options = Vec::new();
        if let Some(policy) = &self.policy {
            options.extend_from_slice(b" --policy ");
            options.extend(quoted(policy.as_os_str().as_bytes()));
        }
        for group in &self.allow_groups {
            options.extend_from_slice(b" --allow-group ");
            options.extend(quoted(group.as_bytes()));
        }
        match &self.log {
            None => {}
            Some(log) if log == Path::new("journald") => options.extend_from_slice(b" --log journald"),
            Some(log) => {
                options.extend_from_slice(b" --log ");
                options.extend(quoted(log.as_os_str().as_bytes()));
            }
        }
        options
    }

    /// These, and those of hooks alone.
    fn hook_options(&self) -> Vec<u8> {
        let deadline = self.deadline.as_ref().map(|deadline| quoted(deadline.as_bytes()));
        let deadline = deadline.map_or_else(Vec::new, |deadline| [b" --deadline ".as_slice(), &deadline].concat());
        [self.options(), deadline].concat()
    }

    /// What one would write into a hook of one's own.
    pub(in crate::cli) fn in_hook(&self) -> Vec<u8> {
        [self.program.as_os_str().as_bytes(), b" hook pre-receive", &self.hook_options()].concat()
    }
}

/// For a shell.
pub(in crate::cli) fn quoted(text: &[u8]) -> Vec<u8> {
    let mut quoted = vec![b'\''];
    for &byte in text {
        match byte {
            b'\'' => quoted.extend_from_slice(br"'\''"),
            byte => quoted.push(byte),
        }
    }
    quoted.push(b'\'');
    quoted
}

/// The hook as it is installed. Its second line says what the rest was when it was installed, so that a later run can tell
/// whether somebody has changed it since. `former`: where a former hook is kept, if not beside it.
pub(in crate::cli) fn compose(server: Server, call: &Call, former: Option<&Path>) -> Vec<u8> {
    fit(server.hook_source(), call, former)
}

/// The same for a VREF of Gitolite's.
pub(in crate::cli) fn compose_vref(call: &Call) -> Vec<u8> {
    fit(include_str!("../../../hooks/gitolite/VREF/countersign"), call, None)
}

fn fit(source: &str, call: &Call, former: Option<&Path>) -> Vec<u8> {
    let fitted = |line: &str| match line {
        _ if line.starts_with("countersign=") => {
            [b"countersign=", quoted(call.program.as_os_str().as_bytes()).as_slice()].concat()
        }
        _ if line.starts_with("set -- hook ") => [line.as_bytes(), call.hook_options().as_slice()].concat(),
        "former=" => {
            let former = former.map_or_else(Vec::new, |former| quoted(former.as_os_str().as_bytes()));
            [b"former=", former.as_slice()].concat()
        }
        line => line.as_bytes().to_vec(),
    };
    let mut lines: Vec<Vec<u8>> = source.lines().map(fitted).collect();
    lines.insert(1, marker(&joined(lines.iter().map(Vec::as_slice))));
    joined(lines.iter().map(Vec::as_slice))
}

/// Whether a hook is ours, and still what was installed; `None`: it is not ours.
pub(super) fn is_as_installed(hook: &[u8]) -> Option<bool> {
    let text = hook.strip_suffix(b"\n").unwrap_or(hook);
    let line = text.split(|byte| *byte == b'\n').nth(1)?;
    line.strip_prefix(MARKER)?;
    let rest = text.split(|byte| *byte == b'\n').enumerate().filter(|(number, _)| *number != 1).map(|(_, line)| line);
    Some(hook.ends_with(b"\n") && line == marker(&joined(rest)))
}

fn joined<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    lines.flat_map(|line| line.iter().copied().chain([b'\n'])).collect()
}

fn marker(rest: &[u8]) -> Vec<u8> {
    [MARKER, format!("{} {}", checksum(rest), rest.len()).as_bytes()].concat()
}

/// The one of cksum(1), so that `sed 2d HOOK | cksum` tells the same. It is to show a slip, not an attack: who can write the
/// hook can write its second line.
fn checksum(bytes: &[u8]) -> u32 {
    let mut length = bytes.len();
    let mut digits = Vec::new();
    while length > 0 {
        digits.push(length.to_le_bytes().first().copied().unwrap_or_default());
        length >>= 8;
    }
    let sum = bytes.iter().chain(&digits).fold(0_u32, |sum, &byte| {
        (0..8).fold(sum ^ (u32::from(byte) << 24), |sum, _| match sum >> 31 {
            0 => sum << 1,
            _ => (sum << 1) ^ 0x04C1_1DB7,
        })
    });
    !sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_cksum() {
        // printf 'hello\n' | cksum; printf '' | cksum.
        assert_eq!(checksum(b"hello\n"), 3_015_617_425);
        assert_eq!(checksum(b""), 4_294_967_295);
    }

    #[test]
    fn what_was_changed_since_is_seen() {
        let call =
            Call { program: "/it's".into(), policy: None, allow_groups: vec!["a b".into()], log: None, deadline: None };
        let hook = compose(Server::Plain, &call, None);
        let text = String::from_utf8(hook.clone()).unwrap();
        assert!(text.contains("\ncountersign='/it'\\''s'\nset -- hook pre-receive --allow-group 'a b'\n"), "{text}");
        assert_eq!(is_as_installed(&hook), Some(true));
        assert_eq!(is_as_installed(text.replace("a b", "a c").as_bytes()), Some(false));
        assert_eq!(is_as_installed(&[hook.as_slice(), b"x"].concat()), Some(false));
        assert_eq!(is_as_installed(hook.strip_suffix(b"\n").unwrap()), Some(false));
        assert_eq!(is_as_installed(b"#!/bin/sh\nexit 0\n"), None);
        assert_eq!(is_as_installed(b""), None);
    }
}
