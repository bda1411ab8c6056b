//! The lines of `allowed_signers` with the people they make, and the shelf where a key finds what is about it.

use super::{
    allowed_signers::{AllowedSigners, Line},
    attribution::NOBODYS,
    people::{People, folded},
    resolution::{Owner, Roster},
    window::{Moment, Phase},
};
use crate::signature::{
    Fingerprint,
    ssh::{Certificate, PublicKey},
};
use jiff::tz::TimeZone;
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// Lines, all or some, and whose keys they make them.
#[derive(Debug)]
pub(super) struct Book {
    pub(super) allowed: AllowedSigners,
    pub(super) roster: Roster,
    /// Whose each plain key is while all its lines hold.
    pub(super) owners: HashMap<Fingerprint, Owner>,
}

impl Book {
    fn new(allowed: AllowedSigners, people: Arc<People>) -> Self {
        let roster = Roster::new(people, &allowed.lines);
        let owner =
            |(key, lines): (&Fingerprint, &Vec<usize>)| (key.clone(), roster.of_key(key, lines.iter().copied()));
        let owners = allowed.keys.iter().map(owner).collect();
        Self { allowed, roster, owners }
    }

    pub(super) fn why_unknown(&self, key: &Fingerprint) -> String {
        if self.allowed.authorities.contains_key(key) {
            "`allowed_signers` has it as an authority, which certifies others and does not sign itself".into()
        } else if self.allowed.for_other_uses.contains(key) {
            "its `namespaces` in `allowed_signers` leave out `git`".into()
        } else {
            NOBODYS.into()
        }
    }

    /// Whether a line admits one of the principals of the certificate.
    pub(super) fn admits(&self, place: usize, certificate: &Certificate) -> bool {
        let admits =
            |line: &Line| certificate.principals.iter().any(|name| !name.is_empty() && line.principals.admits(name));
        self.allowed.lines.get(place).is_some_and(admits)
    }

    /// Which of these lines hold at that moment.
    pub(super) fn holding(&self, places: &[usize], moment: &Moment) -> Holding {
        let phase = |place: &usize| self.allowed.lines.get(*place).map(|line| line.window.phase(moment));
        if places.is_empty() {
            return Holding::None;
        }
        if places.iter().all(|place| phase(place) == Some(Phase::Within)) {
            return Holding::All;
        }
        let within: Vec<usize> = places.iter().copied().filter(|place| phase(place) == Some(Phase::Within)).collect();
        if !within.is_empty() {
            return Holding::Some(within);
        }
        // The one that ended last is the one that was used last.
        let ended = places.iter().filter_map(phase).filter_map(|phase| match phase {
            Phase::Ended(end) => Some(end),
            Phase::NotYet | Phase::Within => None,
        });
        Holding::Over(ended.max().map_or(Phase::NotYet, Phase::Ended))
    }
}

/// Which of several lines hold.
pub(super) enum Holding {
    /// There are none.
    None,
    /// All.
    All,
    /// These.
    Some(Vec<usize>),
    /// None does any more, or none yet.
    Over(Phase),
}

/// `allowed_signers` as it was read, and what was looked up in it. One pushed commit asks for one key: to parse five
/// thousand lines for it would take longer than all the rest. So the lines that are about a key are found by its text.
#[derive(Debug)]
pub(super) struct Shelf {
    text: String,
    zone: TimeZone,
    pub(super) people: Arc<People>,
    some: Mutex<HashMap<Subject, Arc<Book>>>,
    all: OnceLock<Arc<Book>>,
    /// Whether every principal stands in the text as it is read, so that it can be found there.
    is_plain: OnceLock<bool>,
}

/// A key, and the names that a certificate gives its holder.
type Subject = (Fingerprint, Vec<String>);

/// Whoever asks for more keys than this is better served by all lines; and what a push can make us keep is bounded.
const MOST_SUBJECTS: usize = 16;

/// Each name is looked for in the whole text. A key may be on a line for each of a thousand people, as an authority's
/// often is, and a certificate of anybody's making has as many names as they like: then all lines take less time.
const MOST_NAMES: usize = 16;

impl Shelf {
    /// Comments may be in any encoding; what else is no UTF-8 shows as replacement characters, and the line is refused.
    pub(super) fn new(bytes: &[u8], zone: &TimeZone, people: People) -> Self {
        Self {
            text: String::from_utf8_lossy(bytes).into_owned(),
            zone: zone.clone(),
            people: Arc::new(people),
            some: Mutex::default(),
            all: OnceLock::new(),
            is_plain: OnceLock::new(),
        }
    }

    /// Every line.
    pub(super) fn all(&self) -> &Arc<Book> {
        self.all.get_or_init(|| self.book((1..).zip(self.text.split('\n'))))
    }

    /// At least all lines that matter to a key, or to what it certified for these names. `fingerprint`: the key's.
    pub(super) fn about(&self, key: &PublicKey, fingerprint: &Fingerprint, names: &[String]) -> Arc<Book> {
        if let Some(all) = self.all_if_better() {
            return Arc::clone(all);
        }
        let mut some = self.some.lock().unwrap_or_else(PoisonError::into_inner);
        if some.len() >= MOST_SUBJECTS {
            return Arc::clone(self.all());
        }
        let book = some.entry((fingerprint.clone(), names.to_vec())).or_insert_with(|| self.look_up(key, names));
        Arc::clone(book)
    }

    /// Whether a key that may sign for git has this principal, as a name and not by a pattern.
    pub(super) fn has_principal(&self, name: &str) -> bool {
        if let Some(all) = self.all_if_better() {
            return all.roster.names.contains(&folded(name));
        }
        let mut lines = BTreeMap::new();
        self.mentioning(before_domain(name), &mut lines);
        self.book(numbered(&lines)).roster.names.contains(&folded(name))
    }

    /// All lines, where they are read already, or where not all that matter can be found by their text.
    fn all_if_better(&self) -> Option<&Arc<Book>> {
        let is_plain = *self.is_plain.get_or_init(|| !has_quotes_within_words(&self.text));
        if is_plain { self.all.get() } else { Some(self.all()) }
    }

    fn book<'t>(&self, lines: impl Iterator<Item = (usize, &'t str)>) -> Arc<Book> {
        Arc::new(Book::new(AllowedSigners::read(lines, &self.zone), Arc::clone(&self.people)))
    }

    /// The lines that have the key; and, since one signer may have several keys, those that mention the same people.
    fn look_up(&self, key: &PublicKey, names: &[String]) -> Arc<Book> {
        let mut lines = BTreeMap::new();
        self.mentioning(&key.base64(), &mut lines);
        let own = AllowedSigners::read(numbered(&lines), &self.zone);
        let named = own.lines.iter().flat_map(|line| line.principals.names()).chain(names.iter().map(String::as_str));
        let named: HashSet<&str> = named.map(before_domain).collect();
        if named.len() > MOST_NAMES {
            return Arc::clone(self.all());
        }
        for name in named {
            self.mentioning(name, &mut lines);
        }
        self.book(numbered(&lines))
    }

    /// Adds the lines that contain the words, by where they begin.
    fn mentioning<'t>(&'t self, words: &str, lines: &mut BTreeMap<usize, &'t str>) {
        let mut from = 0;
        while let Some(found) = self.text.get(from..).filter(|_| !words.is_empty()).and_then(|rest| rest.find(words)) {
            let start = self.text.get(..from + found).and_then(|before| before.rfind('\n')).map_or(0, |end| end + 1);
            let line = self.text.get(start..).unwrap_or_default().split('\n').next().unwrap_or_default();
            lines.insert(start, line);
            from = start + line.len();
        }
    }
}

/// Whether principals of a line are quoted from their middle on, which OpenSSH takes as if there were no quotes.
fn has_quotes_within_words(text: &str) -> bool {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find('"')) {
        let before = text.get(..from + found).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default().trim_start_matches([' ', '\t', '\r']);
        if !line.is_empty() && !line.contains([' ', '\t', '\r']) && !line.starts_with('#') {
            return true;
        }
        // What else is quoted on the line is no principal.
        let end = text.get(from + found..).and_then(|rest| rest.find('\n'));
        from = end.map_or(text.len(), |end| from + found + end);
    }
    false
}

/// With its `@`: the domain may be in another case elsewhere.
fn before_domain(name: &str) -> &str {
    let domain = name.rfind('@').map_or(0, |at| name.len() - at - 1);
    name.get(..name.len() - domain).unwrap_or(name)
}

/// In the order of the file. Their real numbers do not matter to a judgement.
fn numbered<'t>(lines: &BTreeMap<usize, &'t str>) -> impl Iterator<Item = (usize, &'t str)> {
    (1..).zip(lines.values().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIAkPdfr/zwsNBD5+8dOG+VB3XPDwTA0+wuxrYGB6y5LW";
    const OTHER: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIIXDeq446KgVixhbOfjtiT7uUlkQSZ4HPjXiJnZsIOBe";

    fn shelf(text: &str) -> Shelf {
        Shelf::new(text.as_bytes(), &TimeZone::UTC, People::default())
    }

    fn about(shelf: &Shelf, names: &[String]) -> Arc<Book> {
        let key = PublicKey::from_fields("ssh-ed25519", KEY).unwrap();
        shelf.about(&key, &key.fingerprint(), names)
    }

    #[test]
    fn lines_about_a_key_are_its_own_and_those_of_the_same_people() {
        let lines = [
            format!("bob@x ssh-ed25519 {OTHER}"),
            format!("alice@X,alice@home ssh-ed25519 {OTHER}"),
            format!("\"alice@x\" ssh-ed25519 {KEY} comment"),
            format!("carol ssh-ed25519 {OTHER}"),
            format!("alice@x namespaces=\"git\" ssh-ed25519 {KEY}"),
        ];
        for end in ["", "\n", "\r\n"] {
            let shelf = shelf(&(lines.join("\n") + end));
            let book = about(&shelf, &[]);
            assert_eq!(book.allowed.lines.len(), 3);
            let key = PublicKey::from_fields("ssh-ed25519", KEY).unwrap();
            let signer = book.owners[&key.fingerprint()].as_ref().unwrap();
            assert_eq!(
                (signer.id.0.as_str(), &*signer.emails),
                ("alice@X", &["alice@X".into(), "alice@home".into()][..])
            );
            assert_eq!(about(&shelf, &["carol".into()]).allowed.lines.len(), 4);
            assert_eq!(shelf.all().allowed.lines.len(), 5);
        }
    }

    #[test]
    fn principals_quoted_from_their_middle_on_are_found() {
        for line in ["al\"ice@x\"", "\tal\"ice@x\"", "a\"lice@x,bob\""] {
            let text = format!("carol \tnamespaces=\"git\" ssh-ed25519 {OTHER}\n{line} ssh-ed25519 {OTHER}\n");
            assert!(shelf(&text).has_principal("alice@x"), "{line}");
            assert!(shelf(&format!("{text}dave ssh-ed25519 {KEY}")).all_if_better().is_some());
        }
        // All else is found without reading every line.
        for line in ["alice@x", "\"alice@x\"", "\t\"alice@x\"", "alice@x namespaces=\"git\"", "# a\"b\nalice@x"] {
            let shelf = shelf(&format!("{line} ssh-ed25519 {OTHER}\n"));
            assert!(shelf.has_principal("alice@x"), "{line}");
            assert!(shelf.all.get().is_none(), "{line}");
        }
    }

    #[test]
    fn whoever_asks_for_many_gets_all() {
        let shelf = shelf(&format!("alice ssh-ed25519 {OTHER}\n"));
        for number in 0..MOST_SUBJECTS {
            let names = [format!("person-{number}")];
            assert_eq!(about(&shelf, &names).allowed.lines.len(), 0);
        }
        assert!(Arc::ptr_eq(&about(&shelf, &["one more".into()]), shelf.all()));
        assert!(Arc::ptr_eq(&about(&shelf, &[]), shelf.all()));
    }

    #[test]
    fn many_names_are_not_looked_for_one_by_one() {
        let names = |count: usize| (0..count).map(|number| format!("person-{number}")).collect::<Vec<_>>();
        let line = |name: &String| format!("{name}@x ssh-ed25519 {KEY}\n");
        for (count, all) in [(MOST_NAMES, false), (MOST_NAMES + 1, true)] {
            let of_a_certificate = shelf(&format!("alice ssh-ed25519 {OTHER}\n"));
            let few = about(&of_a_certificate, &names(count));
            assert_eq!(of_a_certificate.all.get().is_some_and(|all| Arc::ptr_eq(all, &few)), all);
            let on_lines = shelf(&names(count).iter().map(line).collect::<String>());
            let few = about(&on_lines, &[]);
            assert_eq!(on_lines.all.get().is_some_and(|all| Arc::ptr_eq(all, &few)), all);
            assert_eq!(few.allowed.lines.len(), count);
        }
    }
}
