use super::*;
use crate::document::{Document, Groups};

fn globs(list: &str) -> Result<Globs, Vec<String>> {
    let source = format!("x = {list}");
    let read = Document::parse(&source).read(&Groups::new(), |fields| fields.required("x", Globs::read_refs_or_head));
    read.map_err(|problems| problems.iter().map(|problem| problem.what.to_string()).collect())
}

fn matches(glob: &str, name: &str) -> bool {
    globs(&format!("['{glob}']")).unwrap().matches(name.as_bytes())
}

#[test]
fn one_component_or_all_of_them() {
    for (glob, name, expected) in [
        ("refs/heads/main", "refs/heads/main", true),
        ("refs/heads/main", "refs/heads/main2", false),
        ("refs/heads/main", "refs/heads/x/main", false),
        ("refs/heads/main", "refs/heads/Main", false),
        ("refs/heads/*", "refs/heads/main", true),
        ("refs/heads/*", "refs/heads/a/b", false),
        ("refs/heads/a*", "refs/heads/a/b", false),
        ("refs/heads/a?b", "refs/heads/a/b", false),
        ("refs/heads/a[^x]b", "refs/heads/a/b", false),
        ("refs/heads/a[^x]b", "refs/heads/ayb", true),
        ("refs/heads/a[.-0]b", "refs/heads/a/b", false),
        ("refs/heads/**", "refs/heads/a/b", true),
        ("refs/heads/**", "refs/heads", false),
        ("refs/heads/release/**", "refs/heads/release", false),
        ("refs/heads/release/**", "refs/heads/releases/1", false),
        ("refs/**/x", "refs/x", true),
        ("refs/**/x", "refs/a/b/x", true),
        ("**/x", "refs/heads/x", true),
        ("refs/heads/{main,release/*}", "refs/heads/release/1", true),
        ("refs/heads/{main,release/*}", "refs/heads/release/1/2", false),
        ("refs/tags/v[0-9]*", "refs/tags/v1.0", true),
        ("refs/tags/v[0-9]*", "refs/tags/vx", false),
    ] {
        assert_eq!(matches(glob, name), expected, "{glob} {name}");
    }
}

#[test]
fn bytes_count_and_not_characters() {
    let all = globs("['refs/heads/x*']").unwrap();
    assert!(all.matches(b"refs/heads/x\xff\xfe"));
    // NFC and NFD of the same letter.
    assert!(!matches("refs/heads/\u{e9}", "refs/heads/e\u{301}"));
}

#[test]
fn head_is_the_default_branch() {
    let head = globs("['HEAD']").unwrap();
    assert!(head.matches_ref(b"refs/heads/trunk", Some(b"refs/heads/trunk")));
    assert!(!head.matches_ref(b"refs/heads/main", Some(b"refs/heads/trunk")));
    assert!(!head.matches_ref(b"refs/heads/main", None));
}

fn paths(list: &str) -> Result<Globs, Vec<String>> {
    let source = format!("x = {list}");
    let read = Document::parse(&source).read(&Groups::new(), |fields| fields.required("x", Globs::read_paths));
    read.map_err(|problems| problems.iter().map(|problem| problem.what.to_string()).collect())
}

#[test]
fn all_below_a_folder_is_also_what_stands_in_its_place() {
    for (glob, path, expected) in [
        ("infra/**", "infra/dns.tf", true),
        ("infra/**", "infra/a/b", true),
        ("infra/**", "infra", true),
        ("infra/**", "infra2", false),
        ("infra/**", "x/infra", false),
        ("infra/*", "infra", false),
        ("infra/**/x", "infra", false),
        ("infra/**/x", "infra/x", true),
        ("**/infra/**", "a/b/infra", true),
        ("**/infra/**", "infra", true),
        ("*/**", "infra", true),
        ("**", "infra", true),
        ("**", "a/b", true),
        ("**/*.pem", "key.pem", true),
        ("**/*.pem", "a/b/key.pem", true),
        ("*.pem", "a/key.pem", false),
        ("{infra,ci}/**", "ci", true),
        ("{infra/**,ci/**}", "infra", true),
        ("{infra/**,ci/**}", "ci", true),
        ("{infra/**,ci/**}", "ci/x/y", true),
        ("{infra/**,ci}", "infra", true),
        ("{a,{infra/**,ci}}", "infra", true),
        ("{infra/**,ci}/x", "infra", false),
        ("{infra/**,ci}/x", "infra/x", false),
        ("{infra/**,ci}/x", "infra/y/x", true),
        ("{infra/**,a{b,c}}", "infra", true),
        ("[{]/**", "{", true),
        ("[]]/**", "]", true),
        ("[!/**]", "a", true),
        ("\\{a/**", "{a", true),
        (".github/**", ".github", true),
        ("a/**/**", "a", true),
    ] {
        let globs = paths(&format!("['{glob}']")).unwrap_or_else(|problems| panic!("{glob}: {problems:?}"));
        assert_eq!(globs.matches(path.as_bytes()), expected, "{glob} {path}");
    }
    assert!(paths("['infra/**']").unwrap().matches(b"infra/\xff"));
    // Of refs, it is not so.
    assert!(!matches("refs/heads/**", "refs/heads"));
}

#[test]
fn what_could_match_no_path_is_a_mistake() {
    for (list, said) in [
        ("['/infra/**']", "without a `/`"),
        ("['./infra/**']", "without a `/` or `./` in front"),
        ("['infra/']", "write `infra/**`"),
        ("['a//b']", "an empty component"),
        ("['a/../b']", "nor `.` or `..`"),
        ("['[a']", "no glob"),
        ("[]", "an empty list"),
    ] {
        let problems = paths(list).unwrap_err();
        assert!(problems.len() == 1 && problems[0].contains(said), "{list}: {problems:?}");
    }
}

#[test]
fn what_could_match_nothing_is_a_mistake() {
    for (list, said) in [
        ("['main']", "write `refs/heads/main`"),
        ("['heads/*']", "can match no full ref name"),
        ("['refs/heads/']", "can match no full ref name"),
        ("['refs/heads/[a']", "no glob"),
        ("['refs/heads/{a']", "no glob"),
        ("[]", "an empty list"),
    ] {
        let problems = globs(list).unwrap_err();
        assert!(problems.len() == 1 && problems[0].contains(said), "{list}: {problems:?}");
    }
    assert_eq!(globs("['main', 'dev', 'refs/heads/ok']").unwrap_err().len(), 2);
}
