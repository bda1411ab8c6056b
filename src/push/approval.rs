//! Names of the refs at which approvals and declared emergencies stand. Pure; a tag there calls itself as its ref does,
//! without `refs/`.

use super::{ObjectId, RefName};

/// The name of an approval: `refs/approvals/<full ref>/<full commit id>/<signer id>`.
///
/// Refs and ids of signers may hold `/`, and refs may hold what looks like a commit id, which whoever pushes chooses. So the
/// last part but the very last that is a full id is the commit, and no name is made that would be read differently.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ApprovalName {
    at: RefName,
    name: RefName,
    commit: ObjectId,
    signer: String,
}

impl ApprovalName {
    /// Below this all approvals stand.
    pub const BELOW: &'static str = "refs/approvals/";

    /// The name of `signer`'s approval of `commit` for the ref `name`; `None` if git takes no such name (the id has a space
    /// or a colon, say) or it would be read as another.
    pub fn new(name: &RefName, commit: ObjectId, signer: &str) -> Option<Self> {
        let mut full = Self::BELOW.as_bytes().to_vec();
        full.extend_from_slice(name.as_bytes());
        full.extend_from_slice(format!("/{commit}/{signer}").as_bytes());
        let read = Self::parse(&RefName::new(&full)?)?;
        (read.name == *name && read.commit == commit && read.signer == signer).then_some(read)
    }

    /// Reads a ref's name; `None` if it is no approval's. Ids of both formats are read.
    pub fn parse(at: &RefName) -> Option<Self> {
        let below = at.as_bytes().strip_prefix(Self::BELOW.as_bytes())?;
        let parts: Vec<&[u8]> = below.split(|&byte| byte == b'/').collect();
        let (_, but_last) = parts.split_last()?;
        let (place, commit) =
            but_last.iter().enumerate().rev().find_map(|(place, part)| Some((place, ObjectId::from_hex(part)?)))?;
        let name = RefName::new(&parts.get(..place)?.join(&b'/'))?;
        let signer = String::from_utf8(parts.get(place + 1..)?.join(&b'/')).ok()?;
        Some(Self { at: at.clone(), name, commit, signer })
    }

    /// The ref that the approval is for.
    pub fn name(&self) -> &RefName {
        &self.name
    }

    /// The commit that is approved.
    pub fn commit(&self) -> ObjectId {
        self.commit
    }

    /// The id of the signer that the name states; what the signature says is another matter.
    pub fn signer(&self) -> &str {
        &self.signer
    }

    /// Where the approval stands.
    pub fn to_ref(&self) -> &RefName {
        &self.at
    }

    /// What the tag calls itself: `approvals/…`.
    pub fn tag_name(&self) -> &[u8] {
        without_refs(&self.at)
    }
}

/// The name of a tag that declares an emergency: `refs/emergencies/<ticket>/<n>`; the ticket may hold `/`, n is digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EmergencyName {
    at: RefName,
    ticket: Box<[u8]>,
    number: Box<str>,
}

impl EmergencyName {
    /// Below this all tags that declare an emergency stand.
    pub const BELOW: &'static str = "refs/emergencies/";

    /// The name of the `number`th declaration under `ticket`; `None` if git takes no such name.
    pub fn new(ticket: &[u8], number: u64) -> Option<Self> {
        let mut full = Self::BELOW.as_bytes().to_vec();
        full.extend_from_slice(ticket);
        full.extend_from_slice(format!("/{number}").as_bytes());
        Self::parse(&RefName::new(&full)?)
    }

    /// Reads a ref's name; `None` if it is not one of a declared emergency.
    pub fn parse(at: &RefName) -> Option<Self> {
        let below = at.as_bytes().strip_prefix(Self::BELOW.as_bytes())?;
        let slash = below.iter().rposition(|&byte| byte == b'/')?;
        let number = std::str::from_utf8(below.get(slash + 1..)?).ok()?;
        // A ref's parts are never empty.
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        digits.then_some(Self { at: at.clone(), ticket: below.get(..slash)?.into(), number: number.into() })
    }

    /// The ticket.
    pub fn ticket(&self) -> &[u8] {
        &self.ticket
    }

    /// Which declaration under this ticket: digits, as they stand.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// Where the tag stands.
    pub fn to_ref(&self) -> &RefName {
        &self.at
    }

    /// What the tag calls itself: `emergencies/…`.
    pub fn tag_name(&self) -> &[u8] {
        without_refs(&self.at)
    }
}

/// Every full name begins so.
fn without_refs(name: &RefName) -> &[u8] {
    name.as_bytes().strip_prefix(b"refs/").unwrap_or(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "3f2a91c03f2a91c03f2a91c03f2a91c03f2a91c0";
    const OTHER: &str = "77b01de077b01de077b01de077b01de077b01de0";

    fn name(full: &str) -> RefName {
        RefName::new(full.as_bytes()).unwrap()
    }

    fn id(hex: &str) -> ObjectId {
        ObjectId::from_hex(hex.as_bytes()).unwrap()
    }

    fn parsed(full: &str) -> Option<(String, String, String)> {
        let read = ApprovalName::parse(&name(full))?;
        Some((read.name().to_string(), read.commit().to_string(), read.signer().to_owned()))
    }

    #[test]
    fn what_is_made_is_what_is_read() {
        let longer = HEX.repeat(2)[..64].to_owned();
        for (target, hex, signer) in [
            ("refs/heads/main", HEX, "bob"),
            ("refs/heads/main", longer.as_str(), "bob"),
            ("refs/heads/füße/x", HEX, "bob@example.com"),
            ("refs/tags/v1.0", HEX, "team/bob"),
            (&format!("refs/heads/{OTHER}"), HEX, "bob"),
            (&format!("refs/heads/{OTHER}/x"), HEX, "bob"),
            ("refs/heads/main", HEX, OTHER),
            (&format!("refs/approvals/refs/heads/main/{OTHER}/bob"), HEX, "carol"),
        ] {
            let made = ApprovalName::new(&name(target), id(hex), signer).unwrap();
            assert_eq!(made.to_ref().to_string(), format!("refs/approvals/{target}/{hex}/{signer}"));
            assert_eq!(made.tag_name(), &made.to_ref().as_bytes()[5..]);
            assert_eq!((made.name(), made.commit(), made.signer()), (&name(target), id(hex), signer));
            assert_eq!(ApprovalName::parse(made.to_ref()), Some(made));
        }
    }

    #[test]
    fn nothing_is_made_that_git_does_not_take_or_that_reads_as_another() {
        for signer in ["", "Bob Example", "key:1", "bob.lock", ".bob", "a//b", "bob\n", &format!("{OTHER}/bob")] {
            assert_eq!(ApprovalName::new(&name("refs/heads/main"), id(HEX), signer), None, "{signer:?}");
        }
    }

    #[test]
    fn the_last_full_id_before_the_end_is_the_commit() {
        let read = parsed(&format!("refs/approvals/refs/heads/{HEX}/{OTHER}/bob")).unwrap();
        assert_eq!(read, (format!("refs/heads/{HEX}"), OTHER.into(), "bob".into()));
        let read = parsed(&format!("refs/approvals/refs/heads/main/{HEX}/{OTHER}")).unwrap();
        assert_eq!(read, ("refs/heads/main".into(), HEX.into(), OTHER.into()));
    }

    #[test]
    fn names_that_lack_a_part_are_no_approvals() {
        for full in [
            "refs/approvals/x".to_owned(),
            format!("refs/approvals/refs/heads/main/{HEX}"),
            format!("refs/approvals/{HEX}/bob"),
            format!("refs/approvals/refs/{HEX}"),
            format!("refs/approvals/heads/main/{HEX}/bob"),
            format!("refs/approvals/main/{HEX}/bob"),
            format!("refs/approvals/refs/heads/main/{}/bob", &HEX[1..]),
            format!("refs/approvals/refs/heads/main/{}/bob", HEX.to_uppercase()),
            format!("refs/approvals/refs/heads/main/{}/bob", "0".repeat(40)),
            format!("refs/heads/approvals/refs/heads/main/{HEX}/bob"),
        ] {
            assert_eq!(parsed(&full), None, "{full}");
        }
        let bytes = [format!("refs/approvals/refs/heads/main/{HEX}/").as_bytes(), b"\xff"].concat();
        assert_eq!(ApprovalName::parse(&RefName::new(&bytes).unwrap()), None, "no signer's id is other than UTF-8");
    }

    #[test]
    fn a_declaration_has_a_ticket_and_a_number() {
        let made = EmergencyName::new(b"INC-7", 2).unwrap();
        assert_eq!(made.to_ref(), &name("refs/emergencies/INC-7/2"));
        assert_eq!(made.tag_name(), b"emergencies/INC-7/2");
        assert_eq!(EmergencyName::parse(made.to_ref()), Some(made));
        let read = EmergencyName::parse(&name("refs/emergencies/ops/INC-7/007")).unwrap();
        assert_eq!((read.ticket(), read.number()), (b"ops/INC-7".as_slice(), "007"));
        for full in
            ["refs/emergencies/INC-7", "refs/emergencies/7", "refs/emergencies/INC-7/x", "refs/emergencies/INC-7/1a"]
        {
            assert_eq!(EmergencyName::parse(&name(full)), None, "{full}");
        }
        assert_eq!(EmergencyName::new(b"INC 7", 1), None);
        assert_eq!(EmergencyName::new(b"", 1), None);
    }
}
