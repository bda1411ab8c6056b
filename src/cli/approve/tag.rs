//! The tag: what it says, how git signs it, how it comes to the remote.

use super::{Proposal, Stopped, git::Git, said, stopped};
use crate::{
    Undecided,
    object::{Slot, Tag, TargetKind},
    policy::trailers::trailers,
    push::{ApprovalName, ObjectId},
    signature::{self, Certificates, Fingerprint},
};
use std::{ffi::OsStr, os::unix::ffi::OsStrExt};

/// A signed approval in this clone, in reach of no ref there: git keeps it for two weeks at least (`gc.pruneExpire`).
pub(super) struct Made {
    pub(super) id: ObjectId,
    /// What its signature says of its key.
    pub(super) signed: String,
    pub(super) key: Option<Fingerprint>,
}

/// What the tag says, with a newline at its end. Nothing that others wrote is in it: it is what the approver signs, and its
/// last paragraph may be trailers. `None` if the trailer would not be read as one.
pub(super) fn message(name: &ApprovalName, stated: Option<&str>, settles: Option<u64>) -> Option<String> {
    let stated = stated.map(str::trim_end).filter(|stated| !stated.trim().is_empty());
    let said = stated.map_or_else(|| format!("Approve {} for {}", name.commit(), name.name()), str::to_owned) + "\n";
    let Some(number) = settles else { return Some(said) };
    let joint = if trailers(said.as_bytes()).is_empty() { "\n" } else { "" };
    let said = format!("{said}{joint}Settles: {number}\n");
    let read =
        trailers(said.as_bytes()).iter().any(|it| it.key == b"Settles" && it.value == number.to_string().as_bytes());
    read.then_some(said)
}

impl Made {
    /// Has git sign it, as it signs here.
    ///
    /// `git tag` is all that knows how, and it leaves a ref below `refs/tags/`. That goes at once, also one that somebody who
    /// was interrupted has left.
    pub(super) fn sign(git: &Git, proposal: &Proposal) -> Result<Self, Stopped> {
        let name = OsStr::from_bytes(proposal.name.tag_name());
        let commit = proposal.name.commit();
        let signed = git.done(
            &[&"tag", &"--sign", &"--force", &"--cleanup=verbatim", &"--file=-", &"--", &name, &commit.to_string()],
            Some(proposal.message.as_bytes()),
        )?;
        if !signed {
            return Err(stopped(&said::not_signed()));
        }
        let full = [b"refs/tags/", proposal.name.tag_name()].concat();
        let full = OsStr::from_bytes(&full);
        let doing = "looking at the tag that git made";
        let id = git.id(&[&"rev-parse", &"--verify", &"--quiet", &full])?;
        let id = id.ok_or_else(|| Undecided::server(doing, "it is not there"))?;
        git.answer(&[&"update-ref", &"-d", &full, &id.to_string()])?;
        let bytes = git.answer(&[&"cat-file", &"tag", &id.to_string()])?;
        // `answer` has taken the last newline, which a signature ends with.
        let bytes = [&*bytes, b"\n"].concat();
        let tag = Tag::parse(&bytes, commit.format())
            .map_err(|malformed| Undecided::server(doing, format!("it {}", malformed.0)))?;
        let says_so = tag.target == commit && tag.kind == TargetKind::Commit && tag.name == proposal.name.tag_name();
        if !says_so || !matches!(tag.signature, Slot::One(_)) {
            return Err(Undecided::server(doing, "it is not what was to be signed, or not signed once").into());
        }
        let (signed, key) = super::brought::key_of(&signature::verify(&tag.signature, &Certificates::default()));
        Ok(Self { id, signed, key })
    }

    /// Pushes it alone, whatever else the configuration would push with it. Whether the remote took it; what it says is
    /// passed on as it stands.
    pub(super) fn push(&self, git: &Git, proposal: &Proposal) -> Result<bool, Undecided> {
        let refspec = [format!("{}:", self.id).as_bytes(), proposal.name.to_ref().as_bytes()].concat();
        let (remote, refspec) = (&proposal.remote.name, OsStr::from_bytes(&refspec));
        git.done(&[&"push", &"--no-follow-tags", &"--recurse-submodules=no", &"--", remote, &refspec], None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::RefName;

    fn said(stated: Option<&str>, settles: Option<u64>) -> Option<String> {
        let commit = ObjectId::from_hex(&[b'a'; 40]).unwrap();
        let name = RefName::new(b"refs/heads/main").unwrap();
        message(&ApprovalName::new(&name, commit, "bob").unwrap(), stated, settles)
    }

    #[test]
    fn the_trailer_is_in_the_last_paragraph() {
        let whole = format!("Approve {} for refs/heads/main\n", "a".repeat(40));
        for (stated, settles, expected) in [
            (None, None, &*whole),
            (Some(" \n"), None, &whole),
            (None, Some(7), &format!("{whole}\nSettles: 7\n")),
            (Some("Looks good\n\n"), None, "Looks good\n"),
            (Some("Looks good"), Some(7), "Looks good\n\nSettles: 7\n"),
            (Some("A: b"), Some(7), "A: b\n\nSettles: 7\n"),
            (Some("Looks good\n\nSeen-at: home"), Some(7), "Looks good\n\nSeen-at: home\nSettles: 7\n"),
        ] {
            assert_eq!(said(stated, settles).as_deref(), Some(expected), "{stated:?}");
        }
        let cut = "Looks good\n\n# ------------------------ >8 ------------------------";
        assert_eq!(said(Some(cut), Some(7)), None, "git reads nothing below that line");
    }
}
