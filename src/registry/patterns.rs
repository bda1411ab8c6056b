//! OpenSSH's pattern lists (match.c, `match_pattern_list` and `match_pattern`; PATTERNS in ssh_config(5)).

use super::people::folded;
use std::collections::HashSet;

/// A comma-separated list of patterns, some negated by `!`. Compares bytes: case counts. Stricter than OpenSSH where a
/// negation is about an address: it is that of one person, however its domain is spelled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct PatternList(pub(super) String);

/// OpenSSH matches nothing against a list with a pattern of this many bytes.
const TOO_LONG: usize = 1023;

impl PatternList {
    /// Whether one of the patterns matches, and none of the negated.
    pub(super) fn admits(&self, text: &str) -> bool {
        let mut admitted = false;
        for (negated, pattern) in self.patterns() {
            if pattern.len() >= TOO_LONG {
                return false;
            }
            if negated && takes_back(pattern, text) {
                return false;
            }
            admitted |= !negated && matches(pattern.as_bytes(), text.as_bytes());
        }
        admitted
    }

    /// What the list names without a wildcard, and admits; in its order, nothing twice.
    pub(super) fn names(&self) -> Vec<&str> {
        let (exceptions, mut known) = (self.exceptions(), HashSet::new());
        let names = self.patterns().filter(|(negated, pattern)| !negated && !is_wildcard(pattern));
        let names = names.map(|(_, name)| name).filter(|name| !name.is_empty() && !exceptions.cover(name));
        names.filter(|name| known.insert(*name)).collect()
    }

    /// Whether the list admits more than its [`names`](Self::names): it has a wildcard that no negation takes back whole.
    pub(super) fn admits_unnamed(&self) -> bool {
        let exceptions = self.exceptions();
        self.patterns().any(|(negated, pattern)| !negated && is_wildcard(pattern) && !exceptions.cover(pattern))
    }

    /// For questions about many names: a list may have twenty thousand, and each asks about all negations.
    fn exceptions(&self) -> Exceptions<'_> {
        let negated = || self.patterns().filter(|(negated, _)| *negated).map(|(_, pattern)| pattern);
        Exceptions {
            everything: self.patterns().any(|(_, pattern)| pattern.len() >= TOO_LONG),
            names: negated().filter(|pattern| !is_wildcard(pattern)).map(folded).collect(),
            wildcards: negated().filter(|pattern| is_wildcard(pattern)).collect(),
        }
    }

    fn patterns(&self) -> impl Iterator<Item = (bool, &str)> {
        self.0.split(',').map(|pattern| match pattern.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, pattern),
        })
    }
}

/// What a list does not admit although a pattern of it matches.
struct Exceptions<'p> {
    everything: bool,
    /// As they are compared.
    names: HashSet<String>,
    wildcards: Vec<&'p str>,
}

impl Exceptions<'_> {
    fn cover(&self, text: &str) -> bool {
        let by_wildcard = || self.wildcards.iter().any(|pattern| takes_back(pattern, text));
        self.everything || self.names.contains(&folded(text)) || by_wildcard()
    }
}

/// Whether a negated pattern matches, or does in the spelling in which people are compared.
fn takes_back(pattern: &str, text: &str) -> bool {
    matches(pattern.as_bytes(), text.as_bytes()) || matches(folded(pattern).as_bytes(), folded(text).as_bytes())
}

fn is_wildcard(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

/// Whether the whole text matches: `*` is any bytes, `?` one. Goes back to the last `*` only: linear in practice, and
/// never worse than the product of the lengths.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(&byte) = text.get(read) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(&wanted) if wanted == b'?' || wanted == byte => {
                at += 1;
                read += 1;
            }
            Some(_) | None => {
                let Some((star_at, swallowed)) = star else { return false };
                star = Some((star_at, swallowed + 1));
                at = star_at + 1;
                read = swallowed + 1;
            }
        }
    }
    pattern.iter().skip(at).all(|&rest| rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(list: &str, text: &str) -> bool {
        PatternList(list.into()).admits(text)
    }

    #[test]
    fn wildcards() {
        for (pattern, text, expected) in [
            ("alice", "alice", true),
            ("alice", "Alice", false),
            ("al*", "alice", true),
            ("*ce", "alice", true),
            ("a*i*e", "alice", true),
            ("a*i*x", "alice", false),
            ("a?ice", "alice", true),
            ("a?ice", "aice", false),
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("?", "", false),
            ("**", "x", true),
            ("*a*b", "aab", true),
            ("*@example.com", "alice@example.com.evil", false),
        ] {
            assert_eq!(admits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_negation_wins_wherever_it_stands() {
        assert!(admits("*@example.com,!bob@example.com", "alice@example.com"));
        assert!(!admits("*@example.com,!bob@example.com", "bob@example.com"));
        assert!(!admits("!bob@example.com,*@example.com", "bob@example.com"));
        assert!(!admits("!bob@example.com", "alice@example.com"));
    }

    #[test]
    fn names_are_what_is_admitted_without_a_wildcard() {
        let list = PatternList("alice,*@x,bob,!b*,alice,!carol,".into());
        assert_eq!(list.names(), ["alice"]);
        assert!(list.admits_unnamed());
        assert!(!PatternList("alice".into()).admits_unnamed());
        assert!(!PatternList("*@x,!*".into()).admits_unnamed());
        assert!(!PatternList("!*@x".into()).admits_unnamed());
    }

    #[test]
    fn names_are_what_the_whole_list_admits_of_itself() {
        let parts = ["alice", "bob", "*", "!alice", "!b?b", "al*", "!*", "", "!", "a,b", "?lice", "!al*"];
        let long = "x".repeat(TOO_LONG);
        let mut lists: Vec<String> = vec![format!("alice,{long}"), format!("alice,!{long}"), "!alice,alice".into()];
        for one in parts {
            for two in parts {
                lists.extend(parts.map(|three| format!("{one},{two},{three}")));
            }
        }
        for list in lists {
            let list = PatternList(list);
            let positive: Vec<&str> = list
                .patterns()
                .filter(|(negated, pattern)| !negated && !pattern.is_empty())
                .map(|(_, own)| own)
                .collect();
            let mut names: Vec<&str> = Vec::new();
            for own in positive.iter().filter(|own| !is_wildcard(own) && list.admits(own)) {
                if !names.contains(own) {
                    names.push(own);
                }
            }
            assert_eq!(list.names(), names, "{list:?}");
            let unnamed = positive.iter().any(|own| is_wildcard(own) && list.admits(own));
            assert_eq!(list.admits_unnamed(), unnamed, "{list:?}");
        }
    }

    #[test]
    fn a_pattern_too_long_for_openssh_matches_nothing() {
        assert!(admits(&format!("alice,{}", "x".repeat(1022)), "alice"));
        assert!(!admits(&format!("alice,{}", "x".repeat(1023)), "alice"));
    }
}
