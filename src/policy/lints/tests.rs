use super::*;
use crate::{document::Groups, policy::compile, registry::Parts};
use jiff::tz::TimeZone;

/// Nobody is in the registry.
fn of_policy(source: &str) -> Vec<String> {
    let policy = compile(source, &Groups::new()).unwrap_or_else(|problems| panic!("{source}: {problems:?}"));
    let registry = Registry::from_parts("/registry".as_ref(), Parts::default(), &TimeZone::UTC).unwrap();
    let found = lints(&policy, &registry, Timestamp(1_800_000_000));
    found.iter().map(|Lint { line, what }| format!("{line}: {what}")).collect()
}

/// Of a policy whose first rule begins in line 5.
fn told(rules: &str) -> Vec<String> {
    of_policy(&format!("version = 1\nunmatched-refs = 'accept'\n[groups]\nempty = []\n{rules}"))
}

const SIGNED: &str = "signatures = { commits = 'all' }";

/// Of one rule that asks for signatures, and these lines; the unused group apart.
fn of_rule(lines: &str) -> Vec<String> {
    let mut found = told(&format!("[[rule]]\nname = 'x'\n{lines}\n"));
    found.retain(|found| !found.contains("the group `empty`"));
    found
}

#[test]
fn what_is_meant_is_not_told() {
    for lines in [
        format!("refs = ['refs/heads/main', 'HEAD']\n{SIGNED}"),
        format!("refs = ['refs/heads/**']\nexcept-refs = ['refs/heads/wip/**']\n{SIGNED}"),
        format!("refs = ['refs/heads/*', 'refs/heads/**']\n{SIGNED}"),
        format!("refs = ['refs/tags/v*']\nwarn-until = 2090-01-01\n{SIGNED}"),
        "refs = ['HEAD']\nupdates = { create = false }".to_owned(),
    ] {
        assert_eq!(of_rule(&lines), [""; 0], "{lines}");
    }
}

#[test]
fn each_surprise_is_told_with_its_line() {
    for (lines, said) in [
        (format!("refs = ['HEAD']\nmode = 'warn'\n{SIGNED}"), "only warns, and for ever"),
        (format!("refs = ['HEAD']\nmode = 'observe'\n{SIGNED}"), "only observes, and for ever"),
        (format!("refs = ['HEAD']\nmode = 'off'\n{SIGNED}"), "is off: it protects nothing"),
        (format!("refs = ['HEAD']\nwarn-until = 2020-01-01\n{SIGNED}"), "the day of `warn-until` is past"),
        (format!("refs = ['refs/heads/*']\n{SIGNED}"), "such as `refs/heads/a/b`; `refs/heads/**`"),
        (format!("refs = ['HEAD', 'HEAD']\n{SIGNED}"), "lists the same pattern twice"),
        (format!("refs = ['HEAD']\n{SIGNED}\ntags = {{ annotated = true }}"), "`tags` asks nothing"),
        ("refs = ['HEAD']".to_owned(), "asks nothing but what `updates` does by default"),
        ("refs = ['HEAD']\nsignatures = { commits = 'all', by = [] }".to_owned(), "`signatures.by` is nobody"),
        ("refs = ['HEAD']\nsignatures = { commits = 'all', by = ['@empty'] }".to_owned(), "`signatures.by` is nobody"),
        ("refs = ['HEAD']\npusher = { by = [], certificate = 'required' }".to_owned(), "`pusher.by` is nobody"),
        ("refs = ['HEAD']\npaths = [{ match = ['**'], by = ['@empty'] }]".to_owned(), "`paths.by` is nobody"),
        (
            "refs = ['HEAD']\nsignatures = { commits = 'all', merge-tags = { by = [] } }".to_owned(),
            "`signatures.merge-tags.by` is nobody",
        ),
        (
            "refs = ['HEAD']\nsignatures = { commits = 'all' }\nhistory = {}".to_owned(),
            "`history` asks nothing as it is set",
        ),
        (
            "refs = ['refs/tags/**']\ntags = { signed = true, on = ['refs/tags/**'] }".to_owned(),
            "covers the rule's own refs",
        ),
        ("refs = ['HEAD']\nmessages = { require = ['[A-Z]*-?\\d*'] }".to_owned(), "matches every message"),
        (
            "refs = ['HEAD']\npaths = [{ match = ['a/**'], except = ['**'], forbid = true }]".to_owned(),
            "looks at nothing",
        ),
        (format!("refs = ['refs/head/main']\n{SIGNED}"), "did you mean `refs/heads/main`?"),
        (format!("refs = ['HEAD']\nrepositories = ['infra/**']\n{SIGNED}"), "without `repositories-root`"),
        (
            "refs = ['HEAD']\nhistory = { merges = 'forbid' }\nsignatures = { commits = 'all', merge-tags = {} }"
                .to_owned(),
            "lets no merge in",
        ),
        (
            "refs = ['HEAD']\nsignatures = { commits = 'all' }\nidentity = { committer = 'any' }".to_owned(),
            "`identity` asks nothing as it is set",
        ),
        (
            "refs = ['HEAD']\nsignatures = { commits = 'all' }\nmessages = { skip-merges = true }".to_owned(),
            "`messages` asks nothing as it is set",
        ),
        (
            "refs = ['HEAD']\nsignatures = { commits = 'all' }\npusher = {}".to_owned(),
            "`pusher` asks nothing as it is set",
        ),
        (
            "refs = ['HEAD']\nsignatures = { commits = 'all', unsigned = 'accept' }\nidentity = { author = 'signer' }"
                .to_owned(),
            "so refuses unsigned commits",
        ),
        ("refs = ['HEAD']\nupdates = { create = ['*'] }".to_owned(), "without `server` only a push certificate says"),
        ("refs = ['HEAD']\npusher = { via = ['merge'] }".to_owned(), "`via` refuses every push: without `server`"),
    ] {
        let found = of_rule(&lines);
        assert!(
            found.len() == 1 && found[0].starts_with("5: rule `x`") && found[0].contains(said),
            "{lines}: {found:?}"
        );
    }
}

#[test]
fn what_the_server_does_not_say_is_asked_in_vain() {
    let said = |server: &str, pusher: &str| {
        let source = format!(
            "version = 1\nunmatched-refs = 'accept'\nserver = '{server}'\n\
             [[rule]]\nname = 'x'\nrefs = ['HEAD']\npusher = {{ {pusher} }}\n"
        );
        of_policy(&source)
    };
    let (via, certificate) = ("via = ['push']", "certificate = 'required'");
    let refuses = "4: rule `x`: `via` refuses every push: a `pagure` server does not say how changes come about";
    assert_eq!(said("pagure", via), [refuses]);
    let refuses = "4: rule `x`: `certificate` refuses every push: GitLab passes no push certificate to hooks";
    assert_eq!(said("gitlab", certificate), [refuses]);
    assert_eq!(said("gitlab", via), [""; 0]);
    assert_eq!(said("pagure", certificate), [""; 0]);
}

#[test]
fn an_authority_for_everybody_makes_every_email_registered() {
    let key = include_str!("../../../fixtures/keys/alice-ssh.pub");
    let told = |principals: &str, identity: &str| {
        let source = format!(
            "version = 1\nunmatched-refs = 'accept'\n[[rule]]\nname = 'x'\nrefs = ['HEAD']\n{SIGNED}\nidentity = {{ {identity} }}\n"
        );
        let policy = compile(&source, &Groups::new()).unwrap();
        let allowed_signers = format!("{principals} cert-authority {key}").into_bytes();
        let parts = Parts { allowed_signers, ..Parts::default() };
        let registry = Registry::from_parts("/registry".as_ref(), parts, &TimeZone::UTC).unwrap();
        lints(&policy, &registry, Timestamp(1_800_000_000)).into_iter().map(|lint| lint.what).collect::<Vec<_>>()
    };
    for principals in ["*", "*@*", "!eve@x.org,*"] {
        let found = told(principals, "author = 'registered'");
        let is_told =
            matches!(&*found, [one] if one.starts_with("rule `x`: `identity`: every email is \"registered\""));
        assert!(is_told, "{principals}: {found:?}");
        assert_eq!(told(principals, "committer = 'registered'"), found);
        assert_eq!(told(principals, "author = 'signer'"), [""; 0]);
    }
    assert_eq!(told("*@example.com", "author = 'registered'"), [""; 0]);
}

#[test]
fn a_rule_that_only_lets_refs_in_is_meant() {
    let source = |unmatched: &str| {
        format!("version = 1\nunmatched-refs = '{unmatched}'\n[[rule]]\nname = 'x'\nrefs = ['HEAD']\n")
    };
    assert_eq!(of_policy(&source("refuse")), [""; 0]);
    assert_eq!(of_policy(&source("accept")).len(), 1);
}

#[test]
fn exceptions_that_leave_nothing() {
    let empties = |refs: &str, except: &str| {
        let lines = format!("refs = [{refs}]\nexcept-refs = [{except}]\n{SIGNED}");
        of_rule(&lines).iter().any(|found| found.contains("applies to nothing"))
    };
    for (refs, except, expected) in [
        ("'refs/heads/main'", "'refs/heads/**'", true),
        ("'refs/heads/a', 'refs/heads/b/**'", "'refs/heads/**'", true),
        ("'refs/heads/{a,b}'", "'refs/heads/{a,b}'", true),
        ("'HEAD'", "'HEAD'", true),
        ("'refs/heads/a', 'refs/tags/b'", "'refs/heads/**'", false),
        ("'refs/heads/**'", "'refs/heads/*'", false),
        ("'refs/heads/*'", "'refs/heads/?'", false),
        ("'HEAD'", "'refs/heads/**'", false),
    ] {
        assert_eq!(empties(refs, except), expected, "{refs} {except}");
    }
}

#[test]
fn rules_that_ask_the_same() {
    let rule = |name: &str, keys: &str| format!("[[rule]]\nname = '{name}'\nrefs = ['HEAD']\n{keys}\n");
    let twice = |keys: &str| {
        told(&(rule("a", SIGNED) + &rule("b", keys)))
            .iter()
            .any(|found| found.contains("rule `b` asks what rule `a` asks"))
    };
    assert!(twice(SIGNED));
    for other in ["signatures = { commits = 'tip' }", "signatures = { commits = 'all', grace = '1h' }"] {
        assert!(!twice(other), "{other}");
    }
    assert!(!twice(&format!("{SIGNED}\nmode = 'off'")));
}

#[test]
fn groups_that_are_used_nowhere() {
    let signed_by = |group: &str| {
        format!(
            "other = ['@empty']\n[[rule]]\nname = 'x'\nrefs = ['HEAD']\nsignatures = {{ commits = 'all', by = ['{group}', '*'] }}\n"
        )
    };
    let unused = |rules: &str| -> Vec<String> {
        told(rules).into_iter().filter(|found| found.contains("is used nowhere")).collect()
    };
    assert_eq!(unused(""), ["4: the group `empty` is used nowhere"]);
    assert_eq!(unused(&signed_by("@empty")), ["5: the group `other` is used nowhere"]);
    assert_eq!(unused(&signed_by("@other")), [""; 0]);
}

#[test]
fn reviews_that_nobody_can_give_are_told() {
    let told = |people: &[&str], lines: &str| {
        let head = format!("version = 1\nunmatched-refs = 'accept'\n[[rule]]\nname = 'x'\nrefs = ['HEAD']\n{SIGNED}\n");
        let policy = compile(&(head + lines), &Groups::new()).unwrap();
        let signers: String =
            people.iter().map(|id| format!("[[signer]]\nid = '{id}'\nemails = ['{id}@example.com']\n")).collect();
        let parts = Parts { signers: signers.into_bytes(), ..Parts::default() };
        let registry = Registry::from_parts("/registry".as_ref(), parts, &TimeZone::UTC).unwrap();
        let found = lints(&policy, &registry, Timestamp(1_800_000_000));
        found.into_iter().map(|lint| lint.what.replacen("rule `x`: ", "", 1)).collect::<Vec<_>>()
    };
    let any = "any registered person";
    let two = "review = [{ approvals = 2 }]";
    assert_eq!(told(&["a", "b"], two), [""; 0]);
    let too_few = format!("`review` asks for the approval of 2 of {any}: there are 1 in `signers.toml`");
    assert_eq!(told(&["a"], two), [too_few]);
    let nameless = ["`b c` can approve nothing: no ref can have that id in its name"];
    assert_eq!(told(&["a", "b c"], two), nameless);
    let emergency = |more: &str| format!("emergency = {{ by = ['*'], waives = ['signatures'{more} }}");
    assert_eq!(told(&["a", "b"], &emergency("]")), [""; 0]);
    assert_eq!(told(&["a"], &emergency("]")), [format!("nobody is there to review an emergency: {any}")]);
    assert_eq!(told(&["a", "b"], &emergency("], approvals = 1")), [""; 0]);
    let not_so_many = format!("`emergency` asks for the approval of 2 others of {any}: there are not so many");
    assert_eq!(told(&["a", "b"], &emergency("], approvals = 2")), [not_so_many]);
    assert_eq!(
        told(&["a", "b"], &emergency(", 'paths']")),
        ["`emergency` waives `paths`, of which the rule asks nothing"]
    );
}
