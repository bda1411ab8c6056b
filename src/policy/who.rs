//! Lists of people: ids, emails, `@groups`; `"*"` is every registered person.

use crate::{
    document::{Groups, Reader, Value, What, nearest},
    registry::{Kind, Signer, folded},
};
use std::collections::BTreeSet;

/// Who may.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Who {
    /// Every registered person; bots and forges count only where they are named.
    Registered,
    /// Whoever is named, and every registered person if `everyone`.
    Named {
        /// `"*"` is in the list, beside names.
        everyone: bool,
        /// Ids and emails, groups resolved, as names are compared.
        names: BTreeSet<String>,
        /// As in the policy.
        written: Vec<String>,
    },
}

impl Who {
    /// Reads a list of ids, emails and `@groups`.
    pub fn read_list(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let mut names = BTreeSet::new();
        let mut everyone = false;
        let written = reader.list(value, |value, reader| {
            let name = reader.text(value)?;
            match name.strip_prefix('@') {
                Some(group) if !reader.groups().contains_key(group) => {
                    unknown_group(group, value, reader);
                    return None;
                }
                Some(group) => add_members(group, reader.groups(), &mut names, &mut everyone, &mut BTreeSet::new()),
                None if name == EVERYONE => everyone = true,
                None => {
                    reader.mention(name, value.span());
                    names.insert(folded(name));
                }
            }
            Some(name.to_owned())
        })?;
        Some(match everyone && names.is_empty() {
            true => Self::Registered,
            false => Self::Named { everyone, names, written },
        })
    }

    /// Those of a list whose groups are resolved: [`Self::names`] of another.
    pub fn of_names(names: &[String]) -> Self {
        let everyone = names.iter().any(|name| name == EVERYONE);
        let written = names.to_vec();
        let names = names.iter().filter(|name| *name != EVERYONE).cloned().collect();
        Self::Named { everyone, names, written }
    }

    /// Whether this signer is meant.
    pub fn includes(&self, signer: &Signer) -> bool {
        let person = signer.kind == Kind::Person;
        match self {
            Self::Registered => person,
            Self::Named { everyone, names, .. } => {
                (*everyone && person)
                    || names.contains(&folded(&signer.id.0))
                    || signer.emails.iter().any(|email| names.contains(&folded(email)))
            }
        }
    }

    /// Every name, groups resolved, `*` for every registered person.
    pub fn names(&self) -> BTreeSet<String> {
        match self {
            Self::Registered => BTreeSet::from([EVERYONE.to_owned()]),
            Self::Named { everyone, names, .. } => {
                names.iter().cloned().chain(everyone.then(|| EVERYONE.to_owned())).collect()
            }
        }
    }

    /// Whether it includes nobody. `is_known`: whether this is the name of somebody.
    pub(super) fn is_nobody(&self, is_known: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Registered => false,
            Self::Named { everyone, names, .. } => !everyone && !names.iter().any(|name| is_known(name)),
        }
    }

    /// For sentences: "any registered person", "`@maintainers` or `bob`", "nobody".
    pub fn described(&self) -> String {
        match self {
            Self::Registered => "any registered person".to_owned(),
            Self::Named { written, .. } if written.is_empty() => "nobody".to_owned(),
            Self::Named { written, .. } => {
                let quoted: Vec<_> = written
                    .iter()
                    .map(|name| match name == EVERYONE {
                        true => Self::Registered.described(),
                        false => format!("`{name}`"),
                    })
                    .collect();
                quoted.join(" or ")
            }
        }
    }
}

/// Every registered person.
pub(super) const EVERYONE: &str = "*";

pub(super) fn unknown_group(group: &str, value: &Value<'_>, reader: &mut Reader<'_>) {
    let nearest = nearest(group, reader.groups().keys().map(String::as_str)).map(str::to_owned);
    reader.problem(value.span(), What::UnknownGroup { name: group.to_owned(), nearest });
}

/// Groups that contain each other are a mistake that is told where they are defined; here each is entered once.
fn add_members<'g>(
    group: &'g str,
    groups: &'g Groups,
    names: &mut BTreeSet<String>,
    everyone: &mut bool,
    entered: &mut BTreeSet<&'g str>,
) {
    if !entered.insert(group) {
        return;
    }
    for member in groups.get(group).into_iter().flatten() {
        match member.strip_prefix('@') {
            Some(inner) => add_members(inner, groups, names, everyone, entered),
            None if member == EVERYONE => *everyone = true,
            None => drop(names.insert(folded(member))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{document::Document, registry::SignerId};

    fn who(list: &str) -> Result<Who, String> {
        let groups = Groups::from([
            ("dev".to_owned(), vec!["alice".to_owned(), "@ops".to_owned()]),
            ("ops".to_owned(), vec!["carol@Example.com".to_owned(), "@dev".to_owned()]),
            ("all".to_owned(), vec!["*".to_owned()]),
        ]);
        let source = format!("by = {list}");
        Document::parse(&source)
            .read(&groups, |fields| fields.required("by", Who::read_list))
            .map_err(|problems| problems.iter().map(|problem| problem.what.to_string()).collect::<Vec<_>>().join("; "))
    }

    fn signer(id: &str, email: &str, kind: Kind) -> Signer {
        Signer {
            until: None,
            id: SignerId(id.to_owned()),
            name: None,
            emails: vec![email.to_owned()],
            accounts: Vec::new(),
            groups: Vec::new(),
            kind,
        }
    }

    #[test]
    fn ids_emails_and_groups_within_groups() {
        let alice = signer("alice", "alice@example.com", Kind::Person);
        let carol = signer("carol", "carol@example.COM", Kind::Person);
        for (list, of_alice, of_carol) in [
            ("['alice']", true, false),
            ("['alice@EXAMPLE.com']", true, false),
            ("['Alice@example.com']", false, false),
            ("['@dev']", true, true),
            ("['@ops']", true, true),
            ("['*']", true, true),
            ("['@all']", true, true),
            ("[]", false, false),
        ] {
            let who = who(list).unwrap();
            assert_eq!((who.includes(&alice), who.includes(&carol)), (of_alice, of_carol), "{list}");
        }
    }

    #[test]
    fn a_bot_counts_only_where_it_is_named() {
        let bot = signer("release-bot", "bot@example.com", Kind::Bot);
        assert!(!who("['*']").unwrap().includes(&bot));
        assert!(!who("['@all']").unwrap().includes(&bot));
        assert!(who("['*', 'release-bot']").unwrap().includes(&bot));
    }

    #[test]
    fn an_unknown_group_is_an_error() {
        assert_eq!(who("['@devs', 'x']").unwrap_err(), "there is no group `devs`");
    }
}
