//! Policies, and what is said of TOML with mistakes.

use countersign::{
    document::{Document, Groups, Problem},
    policy::{Mode, Policy, compile, registry_folder},
    report::diagnostics,
};
use std::{collections::HashSet, path::Path};

/// A policy either compiles, and can be explained, or has a mistake with its place.
pub fn policy_toml(input: &[u8]) {
    let Ok(source) = std::str::from_utf8(input) else { return };
    let groups = Groups::from([("dev".to_owned(), vec!["alice@example.com".to_owned(), "@dev".to_owned()])]);
    registry_folder(&Document::parse(source));
    let again = compile(source, &groups);
    match compile(source, &groups) {
        Ok(policy) => {
            assert_eq!(format!("{policy:?}"), format!("{:?}", again.unwrap()));
            well_formed(&policy, source);
        }
        Err(problems) => {
            assert_eq!(problems, again.err().unwrap());
            assert_problems(source, &problems);
        }
    }
}

fn well_formed(policy: &Policy, source: &str) {
    let names: HashSet<_> = policy.rules.iter().map(|rule| &rule.name).collect();
    assert_eq!(names.len(), policy.rules.len());
    let lines = source.split('\n').count();
    for (name, line) in policy.unknown_people(&super::known::REGISTRY) {
        assert!(!name.is_empty() && (1..=lines).contains(&line));
    }
    let all: Vec<_> = (0..policy.rules.len()).collect();
    policy.names_replace_refs(&all);
    let refs: [&[u8]; 5] = [b"refs/heads/main", b"refs/tags/v1.0", b"refs/replace/x", b"refs/heads/a/b", b"refs/\xff"];
    for rule in &policy.rules {
        assert!((1..=lines).contains(&rule.line));
        assert!(rule.baselines.is_sorted());
        super::assert_escapable(&rule.scope());
        for requirement in &rule.requirements {
            requirement.needs();
            for sentence in requirement.sentences() {
                assert!(!sentence.is_empty());
                super::assert_escapable(&sentence);
            }
        }
        for name in refs {
            let of_any = rule.matches(&[name], Some(b"refs/heads/main"), None);
            let of_one = rule.matches(&[name], Some(b"refs/heads/main"), Some(b"infra/dns"));
            assert!(of_any || !of_one, "a repository that is not known matches every rule");
            assert!(rule.mode != Mode::Off || !of_any);
        }
        assert!(rule.matches(&refs, None, None) == refs.iter().any(|name| rule.matches(&[name], None, None)));
    }
}

/// At least one, in the order of the file, each at a place that is in it, and all can be shown.
pub fn assert_problems(source: &str, problems: &[Problem]) {
    assert!(!problems.is_empty());
    assert!(problems.is_sorted_by_key(|problem| problem.place.start));
    for problem in problems {
        assert!(source.get(problem.place.clone()).is_some(), "{problem:?}");
        assert!(!problem.what.to_string().is_empty());
    }
    let shown = diagnostics::rendered(Path::new("policy.toml"), source, problems, false);
    assert!(!shown.contains(|character: char| character.is_control() && character != '\n'), "{shown:?}");
    assert_eq!(diagnostics::json(Path::new("policy.toml"), source, problems).len(), problems.len());
}
