//! What the remote has now.

use super::git::Git;
use crate::{
    Undecided,
    push::{ObjectId, RefName},
};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

/// A remote, and its refs.
pub(super) struct Remote {
    /// Its name, or a URL.
    pub(super) name: OsString,
    refs: BTreeMap<RefName, Value>,
    /// What its `HEAD` is in the end.
    pub(super) head: Option<ObjectId>,
}

#[derive(Clone, Copy)]
struct Value {
    value: ObjectId,
    /// Where it is a tag object: what that is in the end.
    peeled: Option<ObjectId>,
}

/// Which ref a word means.
pub(super) enum Meant {
    This(RefName),
    /// A branch and a tag are called so.
    Both,
    /// The remote has none.
    Nothing,
    /// It cannot be a ref's name.
    NoName,
}

/// `origin`, or the only remote there is.
pub(super) fn default_name(git: &Git) -> Result<Option<OsString>, Undecided> {
    let listed = git.answer(&[&"remote"])?;
    let names: Vec<&[u8]> = listed.split(|&byte| byte == b'\n').filter(|name| !name.is_empty()).collect();
    Ok(match *names {
        [only] => Some(OsString::from_vec(only.to_vec())),
        _ => names.contains(&&b"origin"[..]).then(|| "origin".into()),
    })
}

impl Remote {
    /// Asks it for its refs.
    pub(super) fn ask(git: &Git, name: OsString) -> Result<Self, Undecided> {
        let mut remote = Self { name, refs: BTreeMap::new(), head: None };
        let asked = remote.name.clone();
        git.records(&[&"ls-remote", &"--quiet", &"--", &asked], b'\n', &mut |line| remote.add(line))?;
        Ok(remote)
    }

    /// A line: `<id> TAB <name>`; what a tag object is in the end follows, with `^{}` behind the name.
    fn add(&mut self, line: &[u8]) -> Option<()> {
        let (id, name) = line.split_at_checked(line.iter().position(|&byte| byte == b'\t')?)?;
        let (id, name) = (ObjectId::from_hex(id)?, name.strip_prefix(b"\t")?);
        if name == b"HEAD" {
            self.head = Some(id);
        } else if let Some(name) = name.strip_suffix(b"^{}") {
            self.refs.get_mut(&RefName::new(name)?)?.peeled = Some(id);
        } else if let Some(name) = RefName::new(name) {
            self.refs.insert(name, Value { value: id, peeled: None });
        }
        Some(())
    }

    /// What a ref is there in the end, tags peeled.
    pub(super) fn peeled(&self, name: &RefName) -> Option<ObjectId> {
        self.refs.get(name).map(|value| value.peeled.unwrap_or(value.value))
    }

    pub(super) fn has(&self, name: &RefName) -> bool {
        self.refs.contains_key(name)
    }

    /// Whether a branch has this as its tip.
    pub(super) fn has_branch_at(&self, commit: ObjectId) -> bool {
        self.refs.iter().any(|(name, value)| name.is_branch() && value.value == commit)
    }

    /// A full name means itself; a short one the branch or tag that is called so there.
    pub(super) fn meant(&self, word: &OsStr) -> Meant {
        let word = word.as_bytes();
        if word.starts_with(b"refs/") {
            return RefName::new(word).map_or(Meant::NoName, Meant::This);
        }
        let full = |below: &[u8]| RefName::new(&[below, word].concat());
        let (Some(branch), Some(tag)) = (full(b"refs/heads/"), full(b"refs/tags/")) else { return Meant::NoName };
        match (self.has(&branch), self.has(&tag)) {
            (true, true) => Meant::Both,
            (true, false) => Meant::This(branch),
            (false, true) => Meant::This(tag),
            (false, false) => Meant::Nothing,
        }
    }
}
