//! What Prometheus is given, read by a small strict grammar of its text format, version 0.0.4.

use super::*;
use std::collections::BTreeMap;

/// Metric, labels and value.
type Samples = BTreeMap<(String, BTreeMap<String, String>), f64>;

/// Each metric has its `HELP` and `TYPE` once, then its samples together; no sample stands twice; the last line ends.
fn parse(text: &str) -> Samples {
    assert!(text.ends_with('\n'));
    let (mut samples, mut names, mut lines) = (Samples::new(), BTreeSet::new(), text.lines().peekable());
    while let Some(line) = lines.next() {
        let (name, help) = line.strip_prefix("# HELP ").unwrap().split_once(' ').unwrap();
        assert!(is_name(name) && !help.is_empty() && names.insert(name.to_owned()), "{line}");
        assert_eq!(lines.next().unwrap(), format!("# TYPE {name} gauge"));
        assert!(lines.peek().is_some_and(|line| !line.starts_with('#')), "{name} has no sample");
        while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
            let (labels, value) = parse_sample(line.strip_prefix(name).unwrap());
            assert!(samples.insert((name.to_owned(), labels), value).is_none(), "twice: {line}");
        }
    }
    samples
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

/// `{name="value",…} number`, or the number alone.
fn parse_sample(rest: &str) -> (BTreeMap<String, String>, f64) {
    let mut labels = BTreeMap::new();
    let Some(mut rest) = rest.strip_prefix('{') else {
        return (labels, rest.strip_prefix(' ').unwrap().parse().unwrap());
    };
    loop {
        let (name, after) = rest.split_once("=\"").unwrap();
        assert!(is_name(name), "{name}");
        let (mut value, mut characters) = (String::new(), after.chars());
        loop {
            match characters.next().unwrap() {
                '"' => break,
                '\\' => value.push(match characters.next().unwrap() {
                    'n' => '\n',
                    character @ ('\\' | '"') => character,
                    other => panic!("\\{other}"),
                }),
                character => value.push(character),
            }
        }
        assert!(labels.insert(name.to_owned(), value).is_none(), "{name} stands twice");
        rest = characters.as_str();
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => return (labels, rest.strip_prefix("} ").unwrap().parse().unwrap()),
        }
    }
}

fn value(samples: &Samples, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    samples.get(&(name.to_owned(), labels)).copied()
}

#[test]
fn metrics_say_what_was_found_and_what_was_not() {
    let site = Site::new();
    let odd = site.bare("odd \"name\"\\\n.git", "sha1");
    site.install();
    site.accepts(&format!("{}:refs/heads/main", site.signed(&[], "first")));
    fs::remove_file(odd.join("hooks/pre-receive")).unwrap();
    let file = site.world.path("countersign.prom");
    let write = || {
        let output =
            run(site.command(&["--canary", "--format", "prometheus", "--output", file.to_str().unwrap()]), b"");
        assert!(output.stdout.is_empty());
        (output.status.code(), parse(&fs::read_to_string(&file).unwrap()))
    };
    let (status, samples) = write();
    assert_eq!(status, Some(2));
    let project = site.repository().display().to_string();
    let odd_label = odd.display().to_string().replace('\\', "\\\\").replace('\n', "\\u{a}");
    let of = |name: &str, repository: &str| value(&samples, name, &[("repository", repository)]);
    assert_eq!(
        (of("countersign_hook_installed", &project), of("countersign_hook_installed", &odd_label)),
        (Some(1.0), Some(0.0))
    );
    assert_eq!(
        (of("countersign_canary_refused", &project), of("countersign_canary_refused", &odd_label)),
        (Some(1.0), Some(0.0))
    );
    assert_eq!(of("countersign_repository_status", &odd_label), Some(2.0));
    assert_eq!(of("countersign_refs_without_record", &project), Some(0.0));
    for (name, expected) in
        [("countersign_status", 2.0), ("countersign_doctor_up", 1.0), ("countersign_repositories", 2.0)]
    {
        assert_eq!(value(&samples, name, &[]), Some(expected), "{name}");
    }
    let count = |code, severity| value(&samples, "countersign_findings", &[("code", code), ("severity", severity)]);
    assert_eq!(count("hook-missing", "critical"), Some(1.0));
    assert_eq!(count("ref-moved", "critical"), Some(0.0), "so that an alarm ends");
    let labels = [("code", "hook-missing"), ("repository", odd_label.as_str()), ("severity", "critical")];
    assert_eq!(value(&samples, "countersign_repository_findings", &labels), Some(1.0));
    let ledger = site.world.path("ledger").display().to_string();
    assert!(value(&samples, "countersign_ledger_records", &[("ledger", &ledger)]).unwrap() > 2.0);
    // Whoever reads it meanwhile has the former whole; nothing is left beside it.
    let former = fs::File::open(&file).unwrap();
    assert_eq!(write().0, Some(2));
    assert_ne!(former.metadata().unwrap().ino(), fs::metadata(&file).unwrap().ino());
    let beside = fs::read_dir(site.world.path(""))
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("countersign.prom"));
    assert_eq!(beside.count(), 1);
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o644);
}

#[test]
fn what_could_not_be_found_out_has_no_sample() {
    let site = Site::new();
    site.accepts(&format!("{}:refs/heads/main", site.signed(&[], "first")));
    fs::remove_file(site.world.path("ledger/key")).unwrap();
    let output = run(site.command(&["--format", "prometheus"]), b"");
    let samples = parse(&String::from_utf8(output.stdout).unwrap());
    assert_eq!(value(&samples, "countersign_doctor_up", &[]), Some(0.0));
    assert!(
        !samples
            .keys()
            .any(|(name, _)| name == "countersign_refs_without_record" || name == "countersign_ledger_records")
    );
}

#[test]
fn the_grammar_is_strict() {
    let head = "# HELP m Help.\n# TYPE m gauge\n";
    parse(&format!("{head}m{{a=\"\\\\\\\"\\n\"}} 1\n"));
    for bad in
        ["", "m", "m 1\nm 2\n", "m{a=\"\\x\"} 1\n", "m{a=\"1\",a=\"2\"} 1\n", "m{a=\"1\"}1\n", "m x\n", "n 1\n", "m 1"]
    {
        let text = format!("{head}{bad}");
        assert!(std::panic::catch_unwind(|| parse(&text)).is_err(), "{bad}");
    }
}

#[test]
fn forms_that_it_has_not() {
    let site = Site::new();
    for arguments in [&["--format", "csv"][..], &["--ignore", "nonsense"]] {
        let output = run(site.command(arguments), b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: "));
    }
}
