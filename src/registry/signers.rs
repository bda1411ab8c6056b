//! `signers.toml`: who there is.

use super::{
    Kind, Signer, SignerId,
    key_states::{self, KeyStates},
    people::{Entry, People, folded},
};
use crate::{
    Undecided,
    document::{Document, Fields, Groups, Problem, Reader, Value, What},
    signature::Fingerprint,
};
use std::{
    collections::HashMap,
    error::Error,
    fmt,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A `signers.toml` with mistakes. Its `Display` names the place of the first.
#[derive(Debug)]
pub struct BrokenSigners {
    /// The file.
    pub path: PathBuf,
    /// What is in it.
    pub source: String,
    /// Every mistake, in the order of the file; at least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for BrokenSigners {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.problems.first() else { return f.write_str("it has mistakes") };
        let before = self.source.get(..first.place.start).unwrap_or(&self.source);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or(before).chars().count() + 1;
        write!(f, "line {line}, column {column}: {}", first.what)?;
        if let Some(nearest) = first.what.nearest() {
            write!(f, "; did you mean `{nearest}`?")?;
        }
        match self.problems.len() {
            0 | 1 => Ok(()),
            count => write!(f, " (and {} more)", count - 1),
        }
    }
}

impl Error for BrokenSigners {}

/// Reads the file's bytes; `path` is for messages.
pub(super) fn read(path: &Path, bytes: Vec<u8>) -> Result<People, Undecided> {
    let doing = || format!("reading `{}`", path.display());
    let source = String::from_utf8(bytes).map_err(|_| Undecided::server(doing(), "it is not UTF-8"))?;
    match read_text(&source) {
        Ok(people) => Ok(people),
        Err(problems) => Err(Undecided::server(doing(), BrokenSigners { path: path.into(), source, problems })),
    }
}

pub(super) fn read_text(source: &str) -> Result<People, Vec<Problem>> {
    let lines = LineStarts::of(source);
    Document::parse_at_most(source, usize::MAX).read(&Groups::new(), |fields| {
        let mut names = Names::default();
        let entries = fields.optional("signer", |value, reader| {
            reader.list(value, |value, reader| {
                reader.table(value, |fields| {
                    let line = lines.line(fields.place().start);
                    let (signer, keys) = read_signer(fields, &mut names)?;
                    Some(Entry { signer: Arc::new(signer), keys, line })
                })
            })
        });
        names.report(fields.reader);
        let states = fields.optional("key", |value, reader| key_states::read(value, reader, &lines));
        let entries = if fields.has("signer") { entries } else { Some(Vec::new()) };
        let states = if fields.has("key") { states } else { Some(Vec::new()) };
        Some(People::new(entries?, KeyStates::new(states?)))
    })
}

fn read_signer(fields: &mut Fields<'_, '_, '_>, names: &mut Names) -> Option<(Signer, Option<Vec<Fingerprint>>)> {
    const KINDS: &[(&str, Kind)] = &[("person", Kind::Person), ("bot", Kind::Bot), ("forge", Kind::Forge)];
    names.next_signer();
    let id = fields.required("id", |value, reader| {
        let id = name(value, reader)?;
        names.id(&id, value.span());
        Some(id)
    });
    let display = fields.optional("name", |value, reader| reader.text(value).map(str::to_owned));
    let emails = fields.optional("emails", |value, reader| {
        reader.list(value, |value, reader| {
            let email = name(value, reader)?;
            names.email(&email, value.span());
            Some(email)
        })
    });
    let accounts = fields.optional("accounts", texts);
    let groups = fields.optional("groups", |value, reader| reader.list(value, group));
    let keys = fields.optional("keys", |value, reader| reader.list(value, fingerprint));
    let kind = fields.optional("kind", |value, reader| reader.choice(value, KINDS));
    let until = fields.optional("until", |value, reader| reader.moment(value));
    let signer = Signer {
        id: SignerId(id?),
        name: display,
        emails: emails.unwrap_or_default(),
        accounts: accounts.unwrap_or_default(),
        groups: groups.unwrap_or_default(),
        kind: kind.unwrap_or(Kind::Person),
        until,
    };
    Some((signer, keys))
}

fn texts(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Vec<String>> {
    reader.list(value, |value, reader| reader.text(value).map(str::to_owned))
}

/// An id or email: no group, and not everybody, as lists in a policy would take it.
fn name(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let name = reader.text(value)?;
    if name.starts_with('@') || name == "*" {
        let wanted = "a name: `@` begins a group's, and `*` is every registered person".to_owned();
        reader.problem(value.span(), What::OutOfRange { found: name.to_owned(), wanted });
        return None;
    }
    Some(name.to_owned())
}

fn group(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<String> {
    let group = reader.text(value)?;
    if let Some(bare) = group.strip_prefix('@') {
        let wanted = format!("a group's name: here it is written without `@`: `{bare}`");
        reader.problem(value.span(), What::OutOfRange { found: group.to_owned(), wanted });
        return None;
    }
    Some(group.to_owned())
}

pub(super) fn fingerprint(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Fingerprint> {
    let text = reader.string(value)?;
    let fingerprint = Fingerprint::parse(text);
    if fingerprint.is_none() {
        let wanted = "a fingerprint such as \"SHA256:…\" (`ssh-keygen -l`) or \"openpgp:…\", whole".to_owned();
        reader.problem(value.span(), What::OutOfRange { found: text.to_owned(), wanted });
    }
    fingerprint
}

/// Ids and emails, to find an id that is not one signer's alone: a list in a policy that names it would name two. An
/// email may well be of several, such as a team's address.
#[derive(Default)]
struct Names {
    signer: usize,
    ids: HashMap<String, (usize, Range<usize>)>,
    emails: Vec<(String, usize, Range<usize>)>,
    twice: Vec<(String, Range<usize>, Range<usize>)>,
}

impl Names {
    fn next_signer(&mut self) {
        self.signer += 1;
    }

    fn id(&mut self, id: &str, place: Range<usize>) {
        if let Some((_, first)) = self.ids.get(&folded(id)) {
            self.twice.push((id.into(), first.clone(), place));
        } else {
            self.ids.insert(folded(id), (self.signer, place));
        }
    }

    fn email(&mut self, email: &str, place: Range<usize>) {
        self.emails.push((email.into(), self.signer, place));
    }

    fn report(self, reader: &mut Reader<'_>) {
        for (name, first, place) in self.twice {
            reader.problem(place, What::Duplicate { sort: "id", name, first });
        }
        for (email, signer, place) in self.emails {
            if let Some((other, first)) = self.ids.get(&folded(&email))
                && *other != signer
            {
                reader.problem(place, What::Duplicate { sort: "id or email", name: email, first: first.clone() });
            }
        }
    }
}

pub(super) struct LineStarts(Vec<usize>);

impl LineStarts {
    fn of(source: &str) -> Self {
        Self(source.match_indices('\n').map(|(at, _)| at + 1).collect())
    }

    /// Counted from one.
    pub(super) fn line(&self, place: usize) -> usize {
        self.0.partition_point(|&start| start <= place) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::Timestamp;

    const KEY: &str = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

    fn problems(source: &str) -> Vec<String> {
        let problems = read_text(source).err().unwrap_or_default();
        let line = |problem: &Problem| source[..problem.place.start].matches('\n').count() + 1;
        problems.iter().map(|problem| format!("{}: {}", line(problem), problem.what)).collect()
    }

    #[test]
    fn a_whole_entry() {
        let source = format!(
            "# people\n[[signer]]\nid = 'alice'\nname = 'Alice'\nemails = ['a@x', 'b@x']\naccounts = ['gitlab:user-12']\n\
             groups = ['dev']\nkeys = ['{KEY}', 'openpgp:{}']\nkind = 'bot'\n\n[[signer]]\nid = 'bob'\n",
            "0A".repeat(20)
        );
        let people = read_text(&source).unwrap();
        let [alice, bob] = people.entries.as_slice() else { panic!("{people:?}") };
        assert_eq!((alice.line, bob.line), (2, 11));
        assert_eq!(alice.signer.name.as_deref(), Some("Alice"));
        assert_eq!(alice.signer.emails, ["a@x", "b@x"]);
        assert_eq!(alice.signer.accounts, ["gitlab:user-12"]);
        assert_eq!(alice.signer.groups, ["dev"]);
        assert_eq!(alice.signer.kind, Kind::Bot);
        let keys = [Fingerprint::Ssh([0; 32]), Fingerprint::OpenPgp([10; 20].into())];
        assert_eq!(alice.keys.as_deref(), Some(&keys[..]));
        assert_eq!((bob.signer.kind, bob.keys.as_deref()), (Kind::Person, None));
    }

    #[test]
    fn an_empty_file_has_nobody() {
        assert!(read_text("").unwrap().entries.is_empty());
    }

    #[test]
    fn every_mistake_is_told_with_its_line() {
        let source = "[[signer]]\nname = 'x'\n[[signer]]\nid = '@x'\nemails = ['*', 3]\nkeys = ['SHA256:abc']\n\
                      kind = 'robot'\ngroups = ['@dev']\nidd = 1\n";
        assert_eq!(
            problems(source),
            [
                "1: `id` is missing",
                "4: `@x` is not a name: `@` begins a group's, and `*` is every registered person",
                "5: `*` is not a name: `@` begins a group's, and `*` is every registered person",
                "5: this has to be a string, and is a whole number",
                "6: `SHA256:abc` is not a fingerprint such as \"SHA256:…\" (`ssh-keygen -l`) or \"openpgp:…\", whole",
                "7: `robot` is not one of `person`, `bot`, `forge`",
                "8: `@dev` is not a group's name: here it is written without `@`: `dev`",
                "9: unknown key `idd`",
            ]
        );
    }

    #[test]
    fn a_day_of_leaving_is_a_time() {
        let until = |value: &str| format!("[[signer]]\nid = 'a'\nuntil = {value}\n");
        let people = read_text(&until("2027-03-01T18:00:00Z")).unwrap();
        assert_eq!(people.entries[0].signer.until, Some(Timestamp(1_803_924_000)));
        assert_eq!(problems(&until("'2027-03-01'")).len(), 1);
        assert_eq!(problems(&until("2027-03-01T18:00:00")).len(), 1);
    }

    #[test]
    fn an_id_is_one_signers_alone() {
        let two = |one: &str, other: &str| problems(&format!("[[signer]]\n{one}\n[[signer]]\n{other}\n"));
        assert_eq!(two("id = 'a@X.org'", "id = 'a@x.org'"), ["4: the id `a@x.org` is used twice"]);
        assert_eq!(
            two("id = 'b'\nemails = ['a@x.org']", "id = 'a@X.org'"),
            ["3: the id or email `a@x.org` is used twice"]
        );
        assert_eq!(two("id = 'a@x.org'\nemails = ['a@x.org']", "id = 'b'"), [""; 0]);
        assert_eq!(two("id = 'a'\nemails = ['team@x.org']", "id = 'b'\nemails = ['team@x.org']"), [""; 0]);
        assert_eq!(two("id = 'A'", "id = 'a'"), [""; 0]);
    }

    #[test]
    fn the_first_place_stands_for_all() {
        let undecided = read(Path::new("/r/signers.toml"), b"[[signer]]\n  idd = 'a'\n".to_vec()).unwrap_err();
        assert_eq!(undecided.to_string(), "reading `/r/signers.toml`: line 1, column 1: `id` is missing (and 1 more)");
        let broken = undecided.cause.downcast_ref::<BrokenSigners>().unwrap();
        assert_eq!(broken.problems.len(), 2);
        assert!(read(Path::new("x"), vec![0xff]).unwrap_err().to_string().ends_with("it is not UTF-8"));
    }
}
