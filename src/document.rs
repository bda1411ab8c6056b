//! TOML with places: every mistake of a file is found and told where it is, and no key goes unread. Pure.
//!
//! No serde: it stops at the first mistake, and its derive cannot at once hold a place, reject an unknown key, and go on.
//! Instead, [`Document::read`] walks the tree with a [`Reader`]; the keys asked for are the keys allowed.

mod nearest;
mod problem;
mod reader;

pub use nearest::nearest;
pub use problem::{Problem, What};
pub use reader::{CALENDAR_CYCLE, Fields, Groups, Mention, Reader, seconds};

use crate::bounds::Bounds;
use toml::de::{DeTable, DeValue};

/// A value of the tree, and its place as a range of bytes.
pub type Value<'i> = toml::Spanned<DeValue<'i>>;

/// A parsed source: as much of a tree as there is, and what is wrong with its syntax.
#[derive(Debug)]
pub struct Document<'i> {
    tree: DeTable<'i>,
    problems: Vec<Problem>,
    /// Parsing ended before the source did: what is missing from the tree may well be in the file.
    cut_short: bool,
}

impl<'i> Document<'i> {
    /// Parses TOML. Never fails: [`Document::read`] tells the problems. Nesting is bounded by the `toml` crate (80).
    pub fn parse(source: &'i str) -> Self {
        Self::parse_at_most(source, Bounds::POLICY)
    }

    /// [`Document::parse`] for what may be larger: registers that programs write. `largest`: in bytes.
    pub fn parse_at_most(source: &'i str, largest: usize) -> Self {
        if source.len() > largest {
            let problems = vec![Problem { place: 0..0, what: What::TooLarge { size: source.len(), largest } }];
            return Self { tree: DeTable::default(), problems, cut_short: true };
        }
        let (tree, errors) = DeTable::parse_recoverable(source);
        // Where the crate has no place (its limit on dotted keys), or stops for good, the rest of the file went unread.
        let cut_short = errors.iter().any(|error| error.span().is_none() || error.message().starts_with("key with no"));
        let mut problems: Vec<_> = errors
            .iter()
            .take(Bounds::SYNTAX_PROBLEMS)
            .map(|error| Problem {
                place: error.span().unwrap_or(0..0),
                what: What::Syntax(error.message().to_owned()),
            })
            .collect();
        if let (Some(more @ 1..), Some(last)) = (errors.len().checked_sub(Bounds::SYNTAX_PROBLEMS), errors.last()) {
            let place = last.span().unwrap_or(0..0);
            problems.push(Problem { place, what: What::Syntax(format!("and {more} more mistakes of syntax")) });
        }
        Self { tree: tree.into_inner(), problems, cut_short }
    }

    /// As much of the tree as could be parsed; for a lenient look ahead of [`Document::read`].
    pub fn tree(&self) -> &DeTable<'i> {
        &self.tree
    }

    /// Reads the whole tree. `groups`: what `@name` may stand for; empty where the file has no such lists.
    ///
    /// # Errors
    /// Every problem, in the order of the file: syntax, and whatever `read` reported. Never empty.
    pub fn read<T>(
        &self,
        groups: &Groups,
        read: impl FnOnce(&mut Fields<'_, '_, '_>) -> Option<T>,
    ) -> Result<T, Vec<Problem>> {
        let mut reader = Reader::new(groups);
        let result = reader.fields(&self.tree, 0..0, read);
        let mut problems = reader.into_problems();
        problems.retain(|problem| !self.is_consequence_of_syntax(problem));
        problems.extend(self.problems.iter().cloned());
        problems.sort_by_key(|problem| (problem.place.start, problem.place.end));
        problems.dedup();
        match result {
            Some(result) if problems.is_empty() => Ok(result),
            None if problems.is_empty() => {
                let what = What::Other("this file could not be understood".into());
                Err(vec![Problem { place: 0..0, what }])
            }
            Some(_) | None => Err(problems),
        }
    }

    /// What the parser put in place of broken text is not to be blamed on the author a second time.
    fn is_consequence_of_syntax(&self, problem: &Problem) -> bool {
        match problem.what {
            What::Missing { .. } => self.cut_short,
            What::WrongType { .. } | What::NotOneOf { .. } | What::OutOfRange { .. } | What::Other(_) => {
                let place = &problem.place;
                self.problems.iter().any(|syntax| syntax.place.start <= place.end && place.start <= syntax.place.end)
            }
            What::Syntax(_)
            | What::TooLarge { .. }
            | What::UnknownKey { .. }
            | What::NotSupported { .. }
            | What::UnknownGroup { .. }
            | What::GroupInItself { .. }
            | What::Pattern(_)
            | What::Duplicate { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(source: &str) -> Vec<String> {
        let nothing = Document::parse(source).read(&Groups::new(), |fields| {
            fields.required("version", |value, reader| reader.whole(value, 1..=1));
            fields.optional("name", |value, reader| reader.string(value).map(str::to_owned));
            fields.optional("mode", |value, reader| reader.choice(value, &[("warn", 1), ("enforce", 2)]));
            Some(())
        });
        let line = |problem: &Problem| source.get(..problem.place.start).unwrap_or("").matches('\n').count() + 1;
        nothing.err().unwrap_or_default().iter().map(|found| format!("{}: {}", line(found), found.what)).collect()
    }

    #[test]
    fn what_is_right_is_read() {
        assert_eq!(problems("version = 1\nname = 'a'\nmode = \"warn\"\r\n# end"), [""; 0]);
        assert_eq!(problems("\u{feff}version = 1"), [""; 0]);
    }

    #[test]
    fn syntax_and_meaning_are_told_together_in_the_order_of_the_file() {
        let source = "mode = \"wran\"\nversion = 2\nname = 'a'\nname = 'b'\nnmae = 'c'\nuntil = 3\nx.y = tru\n";
        assert_eq!(
            problems(source),
            [
                "1: `wran` is not one of `warn`, `enforce`",
                "2: `2` is not a whole number from 1 to 1",
                "4: duplicate key",
                "5: unknown key `nmae`",
                "6: unknown key `until`",
                "7: unknown key `x`",
                "7: invalid boolean, expected `true`",
            ]
        );
    }

    #[test]
    fn broken_text_is_blamed_once() {
        assert_eq!(problems("version = \nname = 'a'\n"), ["1: string values must be quoted, expected literal string"]);
        assert_eq!(problems("garbage\nversion = 1\n"), ["1: key with no value, expected `=`"]);
        assert_eq!(problems("name = 'a\nversion = 1\n").len(), 1);
    }

    #[test]
    fn a_missing_key_is_told_beside_other_syntax_errors() {
        assert_eq!(problems("name = 'a'\nname = 'b'\n"), ["1: `version` is missing", "2: duplicate key"]);
    }

    #[test]
    fn a_source_that_is_too_large_is_not_parsed() {
        let mut source = "version = 1\n#".to_owned();
        source.push_str(&" ".repeat(Bounds::POLICY - source.len()));
        assert_eq!(problems(&source), [""; 0]);
        source.push(' ');
        assert_eq!(problems(&source), ["1: the file has 1048577 bytes, and may have 1048576"]);
    }

    #[test]
    fn deep_nesting_and_endless_mistakes_end_in_an_error() {
        let key = vec!["a"; 200_000].join(".");
        for source in [
            format!("version = 1\na = {}", "[".repeat(500_000)),
            format!("version = 1\na = {}{}", "[".repeat(500_000), "]".repeat(500_000)),
            format!("version = 1\na = {}", "{a=".repeat(300_000)),
            format!("version = 1\n{key} = 1"),
            format!("version = 1\n[{key}]"),
            "=\n".repeat(400_000),
            format!("version = {}1", "-".repeat(900_000)),
        ] {
            let found = problems(&source);
            assert!(!found.is_empty() && found.len() <= Bounds::SYNTAX_PROBLEMS + 5, "{}", found.len());
        }
    }
}
