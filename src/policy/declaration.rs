//! Declared emergencies: who declares which, for what, as the signed object says that does it.

use super::{approval, built_in::TagFault, trailers::trailers};
use crate::{
    object::{Commit, Slot, Tag, TargetKind},
    push::{EmergencyName, ObjectId, RefName, Timestamp},
    registry::{Attribution, Registry, VerifiedSigner, VerifyTime, When},
    signature::{Signature, sha256},
};

/// The trailer that names ticket and reason.
const EMERGENCY: &[u8] = b"Emergency";
/// The trailer that names the ref.
const EMERGENCY_REF: &[u8] = b"Emergency-Ref";

/// Bytes of a ticket at most.
pub const TICKET: usize = 128;
/// Bytes of a reason at most.
pub const REASON: usize = 1024;

/// An object that declares an emergency.
#[derive(Clone, Debug)]
pub struct Declaration {
    /// The commit or tag.
    pub object: ObjectId,
    /// The SHA-256 of what is signed of it: the same for whatever signature, whose bytes others can vary.
    pub payload: [u8; 32],
    /// Where it stands.
    pub form: Form,
    /// What it says, or why that is no declaration.
    pub said: Result<Said, String>,
    /// Who signed it, as of now.
    pub signed: Attribution,
    /// The record of the update that it was used up by.
    pub used: Option<u64>,
    /// The records of emergencies that its signer declared and that nobody reviewed in time.
    pub overdue: Vec<u64>,
}

/// Where a declaration stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Form {
    /// In the message of the new tip.
    Commit,
    /// In a tag: the new value, or one at `refs/emergencies/`.
    Tag,
}

/// What a declaration says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// The first word, raw bytes.
    pub ticket: Vec<u8>,
    /// The rest, raw bytes.
    pub reason: Vec<u8>,
    /// The full name of the ref that it is for.
    pub name: RefName,
}

impl Declaration {
    /// What the message of a new tip declares; `None`: nothing.
    pub fn of_commit(
        id: ObjectId,
        commit: &Commit<'_>,
        signature: &Signature,
        registry: &Registry,
        now: Timestamp,
    ) -> Option<Self> {
        let said = said(commit.message)?;
        let stated = Some(commit.committer.time);
        let when = When { now, received: None, verify_time: VerifyTime::Receipt, grace: 0, stated };
        let signed = registry.attribute(signature, &when);
        let payload = payload(&commit.signature);
        Some(Self { object: id, payload, form: Form::Commit, said, signed, used: None, overdue: Vec::new() })
    }

    /// The same of an annotated tag that a ref gets.
    pub fn of_new_tag(
        id: ObjectId,
        tag: &Tag<'_>,
        signature: &Signature,
        registry: &Registry,
        now: Timestamp,
    ) -> Option<Self> {
        let (said, signed) = (said(tag.message)?, approval::attribute(tag, signature, registry, now));
        let payload = payload(&tag.signature);
        Some(Self { object: id, payload, form: Form::Tag, said, signed, used: None, overdue: Vec::new() })
    }

    /// What a tag at `refs/emergencies/` declares.
    pub fn of_tag(
        name: &EmergencyName,
        (id, tag, signature): (ObjectId, &Tag<'_>, &Signature),
        registry: &Registry,
        now: Timestamp,
    ) -> Self {
        let (said, signed) = (declared(name, tag), approval::attribute(tag, signature, registry, now));
        let said = said.map_err(|fault| fault.to_string());
        let payload = payload(&tag.signature);
        Self { object: id, payload, form: Form::Tag, said, signed, used: None, overdue: Vec::new() }
    }

    /// Who declares it, if the signature counts.
    pub fn signer(&self) -> Option<&VerifiedSigner> {
        match &self.signed {
            Attribution::Good(signer) => Some(signer),
            Attribution::Unsigned | Attribution::NotGood(_) => None,
        }
    }
}

/// What no one signature is over counts for nothing anyhow.
fn payload(slot: &Slot<'_>) -> [u8; 32] {
    match slot {
        Slot::One(signed) => sha256(&signed.payload),
        Slot::Empty | Slot::Several => sha256(b""),
    }
}

/// Checks the tag `tag` that stands at `name`, signature and all.
///
/// # Errors
/// Why it may not stand there.
pub(super) fn check(
    name: &EmergencyName,
    (tag, signature): (&Tag<'_>, &Signature),
    registry: &Registry,
    now: Timestamp,
) -> Result<(), TagFault> {
    declared(name, tag)?;
    approval::signer(tag, signature, registry, now).map(drop)
}

/// What a tag declares that stands at `name`.
fn declared(name: &EmergencyName, tag: &Tag<'_>) -> Result<Said, TagFault> {
    if tag.name != name.tag_name() {
        return Err(TagFault::OtherName(tag.name.to_vec()));
    }
    if tag.kind != TargetKind::Commit {
        return Err(TagFault::NoCommit);
    }
    let declares_nothing = || Err("it has no trailer `Emergency`".to_owned());
    let said = said(tag.message).unwrap_or_else(declares_nothing).map_err(TagFault::Declaration)?;
    match said.ticket == name.ticket() {
        true => Ok(said),
        false => Err(TagFault::OtherTicket(said.ticket)),
    }
}

/// The record whose debt an approval says it settles, by its trailer `Settles`; what stands there in place of a number, if that is
/// so, or if there are several.
pub fn settles(tag: &Tag<'_>) -> Option<Result<u64, String>> {
    let trailers = trailers(tag.message);
    let mut found = trailers.iter().filter(|trailer| trailer.key.eq_ignore_ascii_case(b"Settles"));
    let (first, second) = (found.next()?, found.next());
    let text = String::from_utf8_lossy(&first.value).into_owned();
    Some(match (text.parse(), second) {
        (Ok(number), None) => Ok(number),
        (_, _) => Err(text),
    })
}

/// What a message declares; `None`: it has neither trailer.
fn said(message: &[u8]) -> Option<Result<Said, String>> {
    let trailers = trailers(message);
    let named = |key: &[u8]| -> Vec<&[u8]> {
        let found = trailers.iter().filter(|trailer| trailer.key.eq_ignore_ascii_case(key));
        found.map(|trailer| trailer.value.as_slice()).collect()
    };
    let (emergencies, names) = (named(EMERGENCY), named(EMERGENCY_REF));
    if emergencies.is_empty() && names.is_empty() {
        return None;
    }
    let fault = |what: &str| Some(Err(what.to_owned()));
    let [emergency] = emergencies.as_slice() else {
        return fault(if emergencies.is_empty() {
            "it has no trailer `Emergency`"
        } else {
            "it has more than one trailer `Emergency`"
        });
    };
    let [name] = names.as_slice() else {
        return fault(if names.is_empty() {
            "it has no trailer `Emergency-Ref`"
        } else {
            "it has more than one trailer `Emergency-Ref`"
        });
    };
    let end = emergency.iter().position(u8::is_ascii_whitespace).unwrap_or(emergency.len());
    let (ticket, reason) = emergency.split_at_checked(end).unwrap_or((emergency, b""));
    let reason = reason.trim_ascii();
    if ticket.is_empty() || reason.is_empty() {
        return fault("its trailer `Emergency` needs a ticket, then a reason");
    }
    if ticket.len() > TICKET || reason.len() > REASON {
        return fault("its trailer `Emergency` is longer than is read");
    }
    let Some(name) = RefName::new(name) else {
        return fault("its trailer `Emergency-Ref` is no full name of a ref, such as `refs/heads/main`");
    };
    Some(Ok(Said { ticket: ticket.to_vec(), reason: reason.to_vec(), name }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &str) -> Option<Result<(String, String, String), String>> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        said(message.as_bytes())
            .map(|said| said.map(|said| (text(&said.ticket), text(&said.reason), said.name.to_string())))
    }

    #[test]
    fn a_declaration_is_one_ticket_with_a_reason_and_one_ref() {
        let name = "Emergency-Ref: refs/heads/main";
        let whole = read(&format!("Fix it\n\nEmergency: INC-42 the site  is down\n{name}\n")).unwrap().unwrap();
        assert_eq!(whole, ("INC-42".into(), "the site  is down".into(), "refs/heads/main".into()));
        assert_eq!(read("Fix it\n\nEmergency is over\n"), None);
        assert_eq!(read("Emergency: INC-42 it is the subject\nEmergency-Ref: refs/heads/main\n"), None);
        for (trailers, why) in [
            ("Emergency: INC-42 down\n".to_owned(), "it has no trailer `Emergency-Ref`"),
            (format!("{name}\n"), "it has no trailer `Emergency`"),
            (format!("Emergency: A down\nEmergency: B down\n{name}\n"), "it has more than one trailer `Emergency`"),
            (format!("Emergency: A down\n{name}\n{name}\n"), "it has more than one trailer `Emergency-Ref`"),
            (format!("Emergency: INC-42\n{name}\n"), "its trailer `Emergency` needs a ticket, then a reason"),
            (
                format!("Emergency: {} down\n{name}\n", "x".repeat(TICKET + 1)),
                "its trailer `Emergency` is longer than is read",
            ),
            (
                "Emergency: INC-42 down\nEmergency-Ref: main\n".to_owned(),
                "its trailer `Emergency-Ref` is no full name of a ref, such as `refs/heads/main`",
            ),
        ] {
            assert_eq!(read(&format!("Fix it\n\n{trailers}")), Some(Err(why.to_owned())), "{trailers}");
        }
    }
}
