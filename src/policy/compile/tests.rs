use super::*;

const HEAD: &str = "version = 1\nunmatched-refs = \"accept\"\n";

fn mistakes(source: &str) -> Vec<String> {
    let problems = compile(source, &Groups::new()).err().unwrap_or_default();
    problems.iter().map(|problem| format!("{}: {}", line(source, problem.place.start), problem.what)).collect()
}

fn rule(keys: &str) -> Rule {
    let source = format!("{HEAD}[[rule]]\nname = \"main\"\n{keys}\n");
    let mut policy = compile(&source, &Groups::new()).unwrap_or_else(|problems| panic!("{keys}: {problems:?}"));
    policy.rules.remove(0)
}

#[test]
fn the_smallest_policy() {
    assert_eq!(mistakes(HEAD), [""; 0]);
    assert_eq!(mistakes(""), ["1: `version` is missing", "1: `unmatched-refs` is missing"]);
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let source = "version = 2\nunmatched-refs = \"acept\"\nregistry-require = [\"revoked_key\", \"x509\"]\n\
                  server = \"gitlub\"\n[ledger]\n[groups]\na = [\"@b\"]\nb = [\"@a\", \"@c\"]\n\
                  [[rule]]\nname = \"x\"\nref = [\"refs/heads/main\"]\n\
                  [[rule]]\nname = \"x\"\nrefs = [\"main\"]\nmode = \"warm\"\nreview = []\nbaseline = [\"HEAD\"]\n\
                  [[rule]]\nname = \"y\"\nrefs = [\"HEAD\"]\n[[rule]]\nname = \"y\"\nrefs = [\"HEAD\"]\n";
    let found = mistakes(source);
    for expected in [
        "1: `2` is not a whole number from 1 to 1",
        "2: `acept` is not one of `accept`, `refuse`",
        "3: `revoked_key` is not one of `allowed_signers`, `revoked_keys`, `openpgp`, `signers.toml`",
        "3: this version does not support `x509`",
        "4: `gitlub` is not one of `plain`, `http`, `gitolite`, `gitea`, `forgejo`, `gitlab`, `pagure`",
        "7: the group `a` contains itself: a > b > a",
        "8: the group `b` contains itself: b > a > b",
        "8: there is no group `c`",
        "9: `refs` is missing",
        "11: unknown key `ref`",
        "14: `main` is no full ref name, and would match nothing; write `refs/heads/main`",
        "15: `warm` is not one of `enforce`, `warn`, `observe`, `off`",
        "16: an empty list asks nothing",
    ] {
        assert!(found.iter().any(|found| found == expected), "{expected}\n{found:#?}");
    }
    assert!(found.iter().any(|found| found.starts_with("17: `HEAD` is not a full object id")), "{found:#?}");
    let twice = format!("{HEAD}[[rule]]\nname = \"y\"\nrefs = [\"HEAD\"]\n[[rule]]\nname = \"y\"\nrefs = [\"HEAD\"]\n");
    assert_eq!(mistakes(&twice), ["7: the rule name `y` is used twice"]);
    let both_wrong = format!("{HEAD}[[rule]]\nname = \"y\"\nrefs = [\"main\"]\n[[rule]]\nname = \"y\"\n");
    let found = mistakes(&both_wrong);
    assert_eq!(found.len(), 3, "{found:#?}");
    assert_eq!(found.last().map(String::as_str), Some("7: the rule name `y` is used twice"), "{found:#?}");
}

#[test]
fn mistakes_in_reviews_and_emergencies_are_told() {
    let found = |key: &str| {
        let source = format!("{HEAD}[[rule]]\nname = \"x\"\nrefs = [\"HEAD\"]\n{key}\n");
        mistakes(&source).into_iter().map(|found| found.replacen("6: ", "", 1)).collect::<Vec<_>>()
    };
    let kinds = "`updates`, `tags`, `signatures`, `pusher`, `paths`, `identity`, `history`, `messages`, `review`";
    let none_of = format!("`emergency` is not one of {kinds}");
    for (key, expected) in [
        ("review = { approvals = 1 }", "this has to be a list, and is a table"),
        ("review = [{ approvals = 0 }]", "`0` is not a whole number from 1 to 100"),
        ("review = [{ approval = 1 }]", "unknown key `approval`"),
        ("review = [{ match = 'trees' }]", "`trees` is not one of `commit`, `tree`"),
        ("review = [{ by = ['@nobody'] }]", "there is no group `nobody`"),
        ("emergency = { waives = ['review'] }", "`by` is missing"),
        ("emergency = { by = ['a'] }", "`waives` is missing"),
        ("emergency = { by = ['a'], waives = [] }", "an emergency that waives nothing is none"),
        ("emergency = { by = ['a'], waives = ['emergency'] }", &none_of),
        ("emergency = { by = ['a'], waives = ['review'], ticket = '(' }", "no regular expression"),
        ("emergency = { by = ['a'], waives = ['review'], review-within = '72' }", "`72` is not a duration"),
    ] {
        let found = found(key);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{key}: {found:#?}");
    }
}

#[test]
fn mistakes_in_paths_are_told_where_they_are() {
    let found = |entries: &str| {
        let source = format!("{HEAD}[[rule]]\nname = \"x\"\nrefs = [\"HEAD\"]\npaths = {entries}\n");
        mistakes(&source).into_iter().map(|found| found.replacen("6: ", "", 1)).collect::<Vec<_>>()
    };
    let nothing = "this entry asks nothing: it needs `by`, `forbid = true` or `max-size`";
    for (entries, expected) in [
        ("[]", "an empty list asks nothing"),
        ("{ match = ['a'], forbid = true }", "this has to be a list, and is a table"),
        ("[{ match = ['a'] }]", nothing),
        ("[{ match = ['a'], forbid = false }]", nothing),
        ("[{ forbid = true }]", "`match` is missing"),
        (
            "[{ match = ['/a'], forbid = true }]",
            "a path begins at the root of the tree, without a `/` or `./` in front",
        ),
        ("[{ match = ['a'], forbid = 1 }]", "this has to be `true` or `false`, and is a whole number"),
        ("[{ match = ['a'], by = ['@nobody'] }]", "there is no group `nobody`"),
        ("[{ match = ['a'], forbid = true, exept = ['b'] }]", "unknown key `exept`"),
        ("[{ match = ['a'], forbid = true, review = 1 }]", "unknown key `review`"),
    ] {
        assert_eq!(found(entries), [expected], "{entries}");
    }
    assert!(found("[{ match = ['a'], max-size = '10 MB' }]")[0].starts_with("`10 MB` is not a size"));
    assert_eq!(found("[{ match = ['a'], by = [] }, { match = ['b'], by = ['*'], forbid = true }]"), [""; 0]);
}

#[test]
fn merges_alone_are_signed_where_all_comes_in_by_merges() {
    let found = |keys: &str| mistakes(&format!("{HEAD}[[rule]]\nname = \"x\"\nrefs = [\"HEAD\"]\n{keys}\n"));
    let alone = "signatures = { commits = \"merges\" }";
    for history in ["", "history = { merges = \"forbid\" }", "history = { max-commits = 3 }"] {
        let found = found(&format!("{alone}\n{history}"));
        assert!(found.len() == 1 && found[0].starts_with("6: `commits = \"merges\"` needs"), "{found:?}");
    }
    assert_eq!(found(&format!("{alone}\nhistory = {{ merges = \"require\" }}")), [""; 0]);
}

#[test]
fn each_pattern_that_does_not_compile_is_told_at_its_place() {
    let source = format!(
        "{HEAD}[[rule]]\nname = \"x\"\nrefs = [\"HEAD\"]\nmessages = {{ require = [\n'(',\n'a',\n'['],\nforbid = [] }}\n"
    );
    let found = mistakes(&source);
    let lines: Vec<_> = found.iter().map(|found| &found[..found.find(" (").unwrap_or(found.len())]).collect();
    assert_eq!(
        lines,
        [
            "7: no regular expression: unclosed group",
            "9: no regular expression: unclosed character class",
            "10: an empty list asks for nothing"
        ]
    );
}

#[test]
fn a_rule_matches_by_any_of_the_names_and_not_by_an_exception() {
    let rule = rule("refs = [\"refs/heads/**\", \"HEAD\"]\nexcept-refs = [\"refs/heads/old/**\"]");
    let matches = |names: &[&str]| {
        let names: Vec<_> = names.iter().map(|name| name.as_bytes()).collect();
        rule.matches(&names, Some(b"refs/x/trunk"), None)
    };
    assert!(matches(&["refs/heads/main"]));
    assert!(!matches(&["refs/heads/old/1"]));
    assert!(matches(&["refs/heads/old/1", "refs/heads/main"]));
    assert!(matches(&["refs/x/trunk"]));
    assert!(!matches(&["refs/tags/v1"]));
}

#[test]
fn a_repository_of_unknown_name_matches_every_rule() {
    let rule = rule("refs = [\"HEAD\"]\nrepositories = [\"infra/**\"]\nexcept-repositories = [\"**/*.wiki\"]");
    let matches = |repository: Option<&str>| {
        rule.matches(&[b"refs/heads/main"], Some(b"refs/heads/main"), repository.map(str::as_bytes))
    };
    assert!(matches(Some("infra/dns")) && matches(None));
    assert!(!matches(Some("web")) && !matches(Some("infra/dns.wiki")));
}

#[test]
fn where_the_client_chooses_the_case_of_a_repository_it_escapes_no_rule() {
    for (server, escapes) in [("gitea", false), ("forgejo", false), ("gitolite", true), ("plain", true)] {
        let source = format!(
            "version = 1\nunmatched-refs = \"accept\"\nserver = \"{server}\"\n[[rule]]\nname = \"x\"\n\
             refs = [\"HEAD\"]\nrepositories = [\"Infra/**\"]\nexcept-repositories = [\"infra/Old\"]\n"
        );
        let policy = compile(&source, &Groups::new()).unwrap();
        let matches = |name: &[u8]| {
            policy.rules.iter().any(|rule| rule.matches(&[b"refs/heads/m"], Some(b"refs/heads/m"), Some(name)))
        };
        assert!(matches(b"Infra/dns"), "{server}");
        assert_eq!(!matches(b"INFRA/dns"), escapes, "{server}");
        assert_eq!(matches(b"Infra/old"), escapes, "{server}");
        assert!(!matches(b"web"), "{server}");
    }
}

#[test]
fn modes_and_the_day_from_which_a_rule_refuses() {
    assert_eq!(rule("refs = [\"HEAD\"]").mode_at(Timestamp(0)), Mode::Enforce);
    let later = rule("refs = [\"HEAD\"]\nwarn-until = 2027-01-31");
    assert_eq!(later.mode_at(Timestamp(1_801_353_599)), Mode::Warn);
    assert_eq!(later.mode_at(Timestamp(1_801_353_600)), Mode::Enforce);
    assert_eq!(rule("refs = [\"HEAD\"]\nmode = \"observe\"").mode_at(Timestamp(0)), Mode::Observe);
    assert!(!rule("refs = [\"HEAD\"]\nmode = \"off\"").matches(&[b"refs/heads/m"], Some(b"refs/heads/m"), None));
}

#[test]
fn the_registry_is_found_also_in_a_broken_policy() {
    let text = "registry = \"../keys\"\nregistry-require = [\"revoked_keys\"]\nnonsense";
    let folder = registry_folder(&Document::parse(text));
    assert_eq!((folder.path, folder.required), (PathBuf::from("../keys"), vec!["revoked_keys".to_owned()]));
    assert_eq!(registry_folder(&Document::parse("")).path, PathBuf::from("registry"));
}
