//! Full names of refs.

use crate::bounds::Bounds;
use std::fmt;

/// A full ref name (`refs/…`) that git's `check_refname_format` accepts (git-check-ref-format(1)); bytes, not text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefName(Box<[u8]>);

impl RefName {
    /// `None` if the bytes are no full, well-formed ref name.
    pub fn new(full: &[u8]) -> Option<Self> {
        let well_formed = full.starts_with(b"refs/")
            && full.len() <= Bounds::REF_NAME
            && !full.ends_with(b".")
            && !full.windows(2).any(|pair| pair == b".." || pair == b"@{")
            && full.iter().all(|&byte| byte > 0x20 && byte != 0x7f && !b"~^:?*[\\".contains(&byte))
            && full
                .split(|&byte| byte == b'/')
                .all(|part| !part.is_empty() && !part.starts_with(b".") && !part.ends_with(b".lock"));
        well_formed.then(|| Self(full.into()))
    }

    /// The name's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is a branch (`refs/heads/…`).
    pub fn is_branch(&self) -> bool {
        self.0.starts_with(b"refs/heads/")
    }

    /// What follows `refs/tags/`, if this is a tag.
    pub fn tag_name(&self) -> Option<&[u8]> {
        self.0.strip_prefix(b"refs/tags/")
    }
}

impl fmt::Display for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(&self.0).fmt(f)
    }
}

impl fmt::Debug for RefName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_git_accepts() {
        for good in ["refs/heads/main", "refs/tags/v1.0", "refs/heads/ü", "refs/heads/a@b", "refs/heads/-x"] {
            assert!(RefName::new(good.as_bytes()).is_some(), "{good}");
        }
        for bad in [
            "main",
            "HEAD",
            "refs/",
            "refs/heads/",
            "refs/heads//x",
            "refs/heads/x ",
            "refs/heads/.x",
            "refs/heads/x.lock",
            "refs/heads/x.lock/y",
            "refs/heads/a..b",
            "refs/heads/a@{b",
            "refs/heads/x.",
            "refs/heads/x\n",
            "refs/heads/x\0",
            "refs/heads/a*",
            "refs/heads/a\\b",
            "refs/heads/\x7f",
            "/refs/heads/x",
        ] {
            assert!(RefName::new(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }
}
