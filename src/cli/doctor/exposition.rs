//! What Prometheus reads: its text exposition format, version 0.0.4, as node_exporter's textfile collector takes it.
//! <https://prometheus.io/docs/instrumenting/exposition_formats/>

use super::{
    examined::{Canary, Examined},
    finding::{CODES, Finding, Severity},
};
use std::{
    collections::BTreeMap,
    fmt::{Display, Write},
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// All metrics.
pub(super) fn prometheus(examined: &Examined) -> String {
    let mut text = String::new();
    let up = examined.findings().all(|finding| finding.severity != Severity::Unknown);
    metric(
        &mut text,
        "countersign_doctor_up",
        "Whether doctor could find out all it looked for.",
        [(vec![], u8::from(up))],
    );
    let version = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
    metric(&mut text, "countersign_doctor_info", "The version of doctor.", [(version, 1)]);
    metric(
        &mut text,
        "countersign_status",
        "The exit status of doctor: 0 ok, 1 warnings, 2 critical, 3 unknown.",
        [(vec![], examined.severity().number())],
    );
    metric(
        &mut text,
        "countersign_last_check_timestamp_seconds",
        "When doctor looked, in seconds since 1970.",
        [(vec![], examined.now.0)],
    );
    metric(
        &mut text,
        "countersign_repositories",
        "How many repositories doctor looked at.",
        [(vec![], examined.repositories.len())],
    );
    of_repositories(&mut text, examined);
    of_findings(&mut text, examined);
    let ledger = |folder: &Path| vec![("ledger", label(folder))];
    let ledgers = &examined.site.ledgers;
    metric(
        &mut text,
        "countersign_ledger_records",
        "How many records the ledger holds.",
        ledgers.iter().filter_map(|one| Some((ledger(&one.folder), one.records?))),
    );
    metric(
        &mut text,
        "countersign_ledger_free_bytes",
        "How many bytes are free where the ledger is.",
        ledgers.iter().filter_map(|one| Some((ledger(&one.folder), one.free?))),
    );
    text
}

fn of_repositories(text: &mut String, examined: &Examined) {
    let all = &examined.repositories;
    let named = |path: &Path| vec![("repository", label(path))];
    metric(
        text,
        "countersign_repository_status",
        "The worst of the repository: 0 ok, 1 warnings, 2 critical, 3 unknown.",
        all.iter().map(|one| (named(&one.path), Severity::of(&one.findings).number())),
    );
    metric(
        text,
        "countersign_hook_installed",
        "Whether git runs the hook there; no sample where that could not be found out.",
        all.iter().filter_map(|one| Some((named(&one.path), u8::from(one.has_hook?)))),
    );
    metric(
        text,
        "countersign_refs_without_record",
        "How many refs have a value that no record explains; no sample where that could not be found out.",
        all.iter().filter_map(|one| Some((named(&one.path), one.unrecorded?))),
    );
    metric(
        text,
        "countersign_canary_refused",
        "Whether a push that has to be refused was; no sample where none was tried.",
        all.iter().filter_map(|one| match one.canary? {
            canary @ (Canary::Refused | Canary::NotRefused) => {
                Some((named(&one.path), u8::from(canary == Canary::Refused)))
            }
            Canary::NotPushed => None,
        }),
    );
}

fn of_findings(text: &mut String, examined: &Examined) {
    // Also those of which there are none, so that an alarm about one ends.
    let mut counts: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let mut places: BTreeMap<(&str, &str, String), u64> = BTreeMap::new();
    for Finding { code, severity, .. } in examined.findings() {
        *counts.entry((code, severity.name())).or_default() += 1;
    }
    for code in CODES {
        if !counts.keys().any(|(found, _)| found == code) {
            counts.insert((code, Severity::Critical.name()), 0);
        }
    }
    metric(
        text,
        "countersign_findings",
        "How many findings there are, by code and severity.",
        counts.iter().map(|((code, severity), count)| {
            (vec![("code", (*code).to_owned()), ("severity", (*severity).to_owned())], count)
        }),
    );
    for one in &examined.repositories {
        for finding in &one.findings {
            *places.entry((finding.code, finding.severity.name(), label(&one.path))).or_default() += 1;
        }
    }
    metric(
        text,
        "countersign_repository_findings",
        "How many findings there are of a repository, where there are any.",
        places.iter().map(|((code, severity, repository), count)| {
            let labels = [("code", *code), ("severity", *severity), ("repository", repository)];
            (labels.map(|(name, value)| (name, value.to_owned())).to_vec(), count)
        }),
    );
}

/// One metric with its samples; without any it is left out. All are gauges: each time all is found out anew.
fn metric<Value: Display>(
    text: &mut String,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = (Vec<(&'static str, String)>, Value)>,
) {
    let mut samples = samples.into_iter().peekable();
    if samples.peek().is_none() {
        return;
    }
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    for (labels, value) in samples {
        let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", quoted(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(text, "{name}{labels} {value}");
    }
}

/// A path as a label's value, which is UTF-8. No two paths become the same: a sample that stands twice makes the whole file void.
fn label(path: &Path) -> String {
    let mut label = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '\\' => label.push_str("\\\\"),
                character if character.is_control() => label.extend(character.escape_unicode()),
                character => label.push(character),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(label, "\\x{byte:02x}");
        }
    }
    label
}

fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{ffi::OsStr, path::PathBuf};

    #[test]
    fn no_two_paths_have_the_same_label() {
        let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
        let labels = [&b"/a\xff"[..], b"/a\xfe", b"/a\\xff", b"/a\n", b"/a\\n", b"/a\\u{a}", "/a\u{e4}".as_bytes()]
            .map(|bytes| label(&path(bytes)));
        let different: std::collections::BTreeSet<_> = labels.iter().collect();
        assert_eq!(different.len(), labels.len(), "{labels:?}");
        assert_eq!(label(&path(b"/srv/git/a b.git")), "/srv/git/a b.git");
        let mut text = String::new();
        metric(&mut text, "m", "Help.", [(vec![("repository", label(&path(b"/a\"\n\xff")))], 1)]);
        assert_eq!(text, "# HELP m Help.\n# TYPE m gauge\nm{repository=\"/a\\\"\\\\u{a}\\\\xff\"} 1\n");
    }
}
