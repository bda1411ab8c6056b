//! What commit messages must say.
//!
//! `messages = { require = ['\b[A-Z]+-\d+\b'], forbid = ['(?i)^wip'], sign-off = "author", skip-merges = true }`
//!
//! Every commit that the ref gains is judged by its message, raw bytes, as git shows it: without blank lines around it.
//! `require`: regular expressions that must
//! all match somewhere in it; `forbid`: none of these may. The syntax is that of Rust's `regex` crate, which has no
//! backreferences and no look-around: write patterns in single quotes, so that `\` stays as it is. `^` and `$` are the
//! beginning and the end of the message, and `(?m)` makes them those of a line; `(?i)` ignores case. Characters that
//! nobody sees at the beginning of the message (a byte order mark, zero-width and control characters, foreign spaces) hide
//! nothing: a pattern matches if it does so with or without them. Elsewhere they count, and letters that merely look alike
//! are others: a pattern finds mistakes, and not who means to get around it. `sign-off`:
//! `"author"` or `"committer"`: a `Signed-off-by` trailer bears that person's email. A trailer counts where git finds it
//! (git-interpret-trailers(1)): in the last paragraph, and never in the subject. Emails are compared without regard to
//! case in the domain, exactly before it; what is not UTF-8 matches nobody. `skip-merges`: `true` leaves merges out
//! (default `false`).
//!
//! A sign-off is a line of text that anybody can write: who signed the commit, `identity` and `signatures` judge.

use super::{Kind, Needs, Reach};
use crate::{
    bounds::Bounds,
    document::{Reader, Value, What},
    policy::{
        diff::{Setting, Strictness},
        facts::{CommitFacts, Context, Terms, UpdateFacts},
        sentences::{Explanation, Said},
        trailers::{email_of, trailers},
        who::Who,
    },
    push::ObjectId,
    registry::{Fault, Signer, folded},
};
use regex::bytes::{Regex, RegexBuilder};

/// The requirement.
#[derive(Debug)]
pub struct Messages {
    require: Vec<Regex>,
    forbid: Vec<Regex>,
    sign_off: Option<SignOff>,
    merges: Merges,
}

/// Whose sign-off it must be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SignOff {
    /// Who wrote the change.
    Author,
    /// Who made the commit.
    Committer,
}

impl SignOff {
    fn name(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Committer => "committer",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Merges {
    Judged,
    Skipped,
}

/// Why it refuses.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Reason {
    /// A pattern that must match does not.
    Missing(String),
    /// A pattern that may not match does.
    Forbidden(String),
    /// No sign-off by this person.
    NoSignOff(SignOff),
}

impl Messages {
    /// Patterns that must match, and do whatever the message is.
    pub(in crate::policy) fn required_in_vain(&self) -> impl Iterator<Item = &str> {
        self.require.iter().filter(|pattern| pattern.is_match(b"")).map(Regex::as_str)
    }
}

impl Kind for Messages {
    const KEY: &'static str = "messages";
    const CODES: &'static [&'static str] = &["message-forbidden", "message-missing", "sign-off"];
    type Reason = Reason;

    fn read(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        reader.table(value, |fields| {
            let require = fields.optional("require", read_patterns);
            let forbid = fields.optional("forbid", read_patterns);
            let sign_off = fields.optional("sign-off", |value, reader| {
                reader.choice(value, &[("author", SignOff::Author), ("committer", SignOff::Committer)])
            });
            let skip = fields.optional("skip-merges", |value, reader| reader.boolean(value));
            Some(Self {
                require: require.unwrap_or_default(),
                forbid: forbid.unwrap_or_default(),
                sign_off,
                merges: if skip == Some(true) { Merges::Skipped } else { Merges::Judged },
            })
        })
    }

    fn absent() -> Option<Self> {
        None
    }

    fn needs(&self) -> Needs {
        Needs { commits: Reach::All, ..Needs::default() }
    }

    fn asks_about(&self, _: &[u8]) -> bool {
        false
    }

    fn terms(&self) -> Option<Terms> {
        None
    }

    fn judge_commit(&self, facts: &CommitFacts<'_>, _: &Context<'_>, refuse: &mut dyn FnMut(Reason)) {
        let commit = facts.commit;
        let skipped = self.merges == Merges::Skipped && commit.parents.len() > 1;
        if skipped || !(facts.standing.gained || facts.standing.tip) {
            return;
        }
        let message = shown(commit.message);
        let seen = shown(from_the_first_seen(message));
        let matches = |pattern: &&Regex| pattern.is_match(message) || pattern.is_match(seen);
        for pattern in self.require.iter().filter(|pattern| !matches(pattern)) {
            refuse(Reason::Missing(pattern.as_str().to_owned()));
        }
        for pattern in self.forbid.iter().filter(matches) {
            refuse(Reason::Forbidden(pattern.as_str().to_owned()));
        }
        if let Some(whose) = self.sign_off {
            let person = match whose {
                SignOff::Author => commit.author,
                SignOff::Committer => commit.committer,
            };
            if !is_signed_off(commit.message, person.email) {
                refuse(Reason::NoSignOff(whose));
            }
        }
    }

    fn judge_update(&self, _: &UpdateFacts<'_>, _: &Context<'_>, _: &mut dyn FnMut((Reason, Option<ObjectId>))) {}

    fn sentences(&self) -> Vec<String> {
        let which = match self.merges {
            Merges::Judged => "every commit that it gains",
            Merges::Skipped => "every commit that it gains, merges apart,",
        };
        let require = self.require.iter().map(|pattern| format!("the message of {which} must match `{pattern}`"));
        let forbid = self.forbid.iter().map(|pattern| format!("the message of {which} must not match `{pattern}`"));
        let sign_off = self.sign_off.map(|whose| format!("{which} must be signed off by its {}", whose.name()));
        require.chain(forbid).chain(sign_off).collect()
    }

    fn sentences_for(&self, _: &Signer) -> Vec<String> {
        Vec::new()
    }

    fn settings(&self) -> Vec<Setting> {
        let patterns = |patterns: &[Regex]| Strictness::Asked(patterns.iter().map(|one| one.as_str().to_owned()).collect());
        let sign_off = match self.sign_off {
            None => Strictness::Any("none".into()),
            Some(who) => Strictness::Unordered(who.name().into()),
        };
        vec![
            Setting { key: "require", value: patterns(&self.require) },
            Setting { key: "forbid", value: patterns(&self.forbid) },
            Setting { key: "sign-off", value: sign_off },
            Setting::allows("skip-merges", self.merges == Merges::Skipped),
        ]
    }

    fn lists(&self) -> Vec<(&'static str, &Who)> {
        Vec::new()
    }

    fn explain(reason: &Reason, said: &Said<'_>) -> Explanation {
        let lone = said.finding.count == 1;
        let subject = match (said.finding.count, said.newest()) {
            (1, Some(subject)) => format!("the message of {}", subject.id.short()),
            (count, _) => format!("the messages of {count} of {} commits", said.finding.brought.commits.max(count)),
        };
        let (code, what) = match reason {
            Reason::Missing(pattern) => {
                ("message-missing", format!("{subject} {} match `{pattern}`", if lone { "does not" } else { "do not" }))
            }
            Reason::Forbidden(pattern) => (
                "message-forbidden",
                format!("{subject} {} `{pattern}`, and must not", if lone { "matches" } else { "match" }),
            ),
            Reason::NoSignOff(whose) => (
                "sign-off",
                format!("{subject} {} no `Signed-off-by` of the {}", if lone { "has" } else { "have" }, whose.name()),
            ),
        };
        let mut lines = vec![what];
        lines.extend(said.objects());
        let hints = match reason {
            Reason::Missing(_) | Reason::Forbidden(_) => said.rewording_command(),
            Reason::NoSignOff(_) => said.sign_off_command(),
        };
        Explanation { code, lines, hints: hints.into_iter().collect() }
    }

    fn is_ambiguous(_: &Reason) -> bool {
        false
    }

    fn fault(_: &Reason) -> Option<&Fault> {
        None
    }
}

/// As git shows it: without blank lines before the first line and after the last, and without that line's end.
fn shown(message: &[u8]) -> &[u8] {
    let is_blank = |line: &&[u8]| line.iter().all(|byte| b" \t\r\n".contains(byte));
    let blank = message.split_inclusive(|&byte| byte == b'\n').take_while(is_blank).map(<[u8]>::len).sum();
    let message = message.get(blank..).unwrap_or_default();
    let Some(last) = message.iter().rposition(|byte| !b" \t\r\n".contains(byte)) else { return &[] };
    let rest = message.iter().skip(last).position(|&byte| byte == b'\n');
    message.get(..rest.map_or(message.len(), |rest| last + rest)).unwrap_or_default()
}

/// From the first character on that shows.
fn from_the_first_seen(message: &[u8]) -> &[u8] {
    let readable = message.utf8_chunks().next().map_or("", |chunk| chunk.valid());
    let unseen = readable.len() - readable.trim_start_matches(is_unseen).len();
    message.get(unseen..).unwrap_or_default()
}

/// Spaces, control characters, and what is `Default_Ignorable_Code_Point` (Unicode 16.0, DerivedCoreProperties.txt).
fn is_unseen(character: char) -> bool {
    character.is_whitespace()
        || character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Nobody has an empty email.
fn is_signed_off(message: &[u8], email: &[u8]) -> bool {
    let Some(email) = std::str::from_utf8(email).ok().filter(|email| !email.is_empty()) else { return false };
    let email = folded(email);
    trailers(message).iter().filter(|trailer| trailer.key.eq_ignore_ascii_case(b"Signed-off-by")).any(|trailer| {
        let signer = email_of(&trailer.value).and_then(|signer| std::str::from_utf8(signer).ok());
        signer.is_some_and(|signer| folded(signer) == email)
    })
}

fn read_patterns(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Vec<Regex>> {
    let patterns = reader.list(value, |value, reader| {
        let pattern = reader.string(value)?;
        match compile(pattern) {
            Ok(pattern) => Some(pattern),
            Err(why) => {
                reader.problem(value.span(), What::Pattern(why));
                None
            }
        }
    })?;
    if patterns.is_empty() {
        reader.problem(value.span(), What::Pattern("an empty list asks for nothing".into()));
        return None;
    }
    Some(patterns)
}

pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.is_empty() {
        return Err("an empty pattern matches everything".into());
    }
    let compiled = RegexBuilder::new(pattern).size_limit(Bounds::REGEX).dfa_size_limit(Bounds::REGEX).build();
    compiled.map_err(|error| match error {
        regex::Error::Syntax(words) => {
            // Its last line says what is wrong; those before show the pattern, with a mark below the place.
            let why = words.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            let mark = words.lines().rev().find(|line| line.trim_start().starts_with('^'));
            let place = mark.and_then(|line| line.find('^')).and_then(|at| at.checked_sub(3));
            match place.filter(|_| !pattern.contains('\n')) {
                Some(place) => format!("no regular expression: {why} (at its character {place})"),
                None => format!("no regular expression: {why}"),
            }
        }
        regex::Error::CompiledTooBig(limit) => format!("compiled, this takes more than {limit} bytes"),
        error => format!("no regular expression: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_around_a_message_hide_nothing_of_it() {
        for (message, expected) in [
            (&b"\n\t \n  WIP \n\nb \r\n \n\n"[..], &b"  WIP \n\nb \r"[..]),
            (b"a", b"a"),
            (b"a \n", b"a "),
            (b"\n\n", b""),
            (b"", b""),
        ] {
            assert_eq!(shown(message), expected);
        }
    }

    #[test]
    fn what_nobody_sees_before_a_message_hides_nothing_of_it() {
        for (message, expected) in [
            ("\u{feff}WIP", "WIP"),
            ("\u{200b}\u{ad}\0\u{a0}\u{e0001}\n W\u{200b}IP\u{feff}", "W\u{200b}IP\u{feff}"),
            ("\u{1f441}\u{fe0f}", "\u{1f441}\u{fe0f}"),
            ("\u{200d}", ""),
            ("", ""),
        ] {
            assert_eq!(from_the_first_seen(message.as_bytes()), expected.as_bytes());
        }
        assert_eq!(from_the_first_seen(b"\xef\xbb\xbf\xffWIP"), b"\xffWIP");
    }

    #[test]
    fn a_pattern_that_does_not_compile_says_why_and_where() {
        let why = |pattern| compile(pattern).unwrap_err();
        assert_eq!(why("ab(c"), "no regular expression: unclosed group (at its character 3)");
        assert!(why(r"(a)\1").starts_with("no regular expression: backreferences are not supported (at its character 4"));
        assert_eq!(why(""), "an empty pattern matches everything");
        assert!(why("(a{1000}){1000}").contains("bytes"), "{}", why("(a{1000}){1000}"));
    }

    #[test]
    fn sign_offs_compare_emails_as_the_registry_does() {
        let message = b"Subject\n\nSIGNED-OFF-BY: Alice <alice@Example.COM>\n";
        assert!(is_signed_off(message, b"alice@example.com"));
        assert!(!is_signed_off(message, b"Alice@example.com"));
        assert!(!is_signed_off(message, b"\xff"));
        assert!(!is_signed_off(b"Subject\n\nSigned-off-by: Nobody <>\n", b""));
        assert!(!is_signed_off(b"Signed-off-by: Alice <alice@example.com>\n", b"alice@example.com"));
    }
}
