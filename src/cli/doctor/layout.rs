//! How it is told: to people, with a first line that monitoring shows, and as JSON.

use super::{
    examined::{Examined, Repository},
    finding::{Finding, Severity},
};
use crate::{
    ledger::bytes,
    report::{SCHEMA, escaped},
};
use serde_json::{Value, json};
use std::{collections::BTreeSet, os::unix::ffi::OsStrExt, path::Path};

/// For people: what it comes to, then the findings, each with its way out. A repository without any is one line.
pub(super) fn human(examined: &Examined) -> String {
    let mut lines = vec![summary(examined)];
    for Finding { code, severity, place, what, way_out } in &examined.site.findings {
        lines.push(format!("{} {code}: {}: {what}", severity.name(), place.display()));
        lines.push(format!("  way out: {way_out}"));
    }
    for repository in &examined.repositories {
        let severity = Severity::of(&repository.findings);
        let canary = repository.canary.map(|canary| format!("; canary {}", canary.name())).unwrap_or_default();
        lines.push(format!("{} {}{canary}", severity.name(), repository.path.display()));
        for finding in &repository.findings {
            lines.extend(beneath(finding, repository));
        }
    }
    lines.iter().map(|line| escaped(line) + "\n").collect()
}

fn beneath(finding: &Finding, repository: &Repository) -> [String; 2] {
    let Finding { code, severity, place, what, way_out } = finding;
    let place = place.strip_prefix(&repository.path).unwrap_or(place);
    let place = if place == Path::new("") { String::new() } else { format!("{}: ", place.display()) };
    [format!("  {} {code}: {place}{what}", severity.name()), format!("    way out: {way_out}")]
}

/// `OK: 12 repositories`; else how many of them have findings as bad as the worst, and which.
fn summary(examined: &Examined) -> String {
    let severity = examined.severity();
    let word = severity.name().to_uppercase();
    let all = examined.repositories.len();
    let plural = if all == 1 { "repository" } else { "repositories" };
    if severity == Severity::Ok {
        return format!("{word}: {all} {plural}");
    }
    let is_worst = |finding: &Finding| finding.severity == severity;
    let bad = examined.repositories.iter().filter(|one| one.findings.iter().any(is_worst)).count();
    let worst: BTreeSet<_> =
        examined.findings().filter(|finding| is_worst(finding)).map(|finding| finding.code).collect();
    let worst: Vec<_> = worst.into_iter().collect();
    let place = match (examined.site.findings.iter().any(is_worst), bad) {
        (true, 0) => "the installation".to_owned(),
        (true, _) => format!("the installation and {bad} of {all} {plural}"),
        (false, _) => format!("{bad} of {all} {plural}"),
    };
    format!("{word}: {place}: {}", worst.join(", "))
}

/// For programs; docs/json.md has its form.
pub(super) fn json(examined: &Examined) -> String {
    let policies =
        examined.site.policies.iter().map(
            |policy| json!({ "path": path(&policy.path), "digest": policy.digest, "recorded": policy.is_recorded }),
        );
    let ledgers = examined
        .site
        .ledgers
        .iter()
        .map(|ledger| json!({ "folder": path(&ledger.folder), "records": ledger.records, "free": ledger.free }));
    let repositories = examined.repositories.iter().map(|repository| {
        json!({
            "repository": path(&repository.path),
            "status": Severity::of(&repository.findings).name(),
            "hook": repository.has_hook,
            "refs-without-record": repository.unrecorded,
            "canary": repository.canary.map(|canary| canary.name()),
            "findings": findings(&repository.findings),
        })
    });
    let value = json!({
        "schema": SCHEMA,
        "status": examined.severity().name(),
        "time": examined.now.0,
        "version": env!("CARGO_PKG_VERSION"),
        "policies": policies.collect::<Vec<_>>(),
        "ledgers": ledgers.collect::<Vec<_>>(),
        "findings": findings(&examined.site.findings),
        "repositories": repositories.collect::<Vec<_>>(),
    });
    value.to_string() + "\n"
}

fn findings(findings: &[Finding]) -> Vec<Value> {
    let finding = |Finding { code, severity, place, what, way_out }: &Finding| json!({ "code": code, "severity": severity.name(), "place": path(place), "what": what, "way-out": way_out });
    findings.iter().map(finding).collect()
}

fn path(path: &Path) -> Value {
    bytes(path.as_os_str().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{super::examined::Site, *};
    use crate::push::Timestamp;

    fn examined(findings: Vec<Vec<Finding>>) -> Examined {
        let repository = |(number, findings)| Repository {
            path: format!("/srv/r{number}.git").into(),
            findings,
            has_hook: Some(true),
            unrecorded: Some(0),
            canary: None,
        };
        let repositories = findings.into_iter().enumerate().map(repository).collect();
        Examined { now: Timestamp(0), site: Site::default(), repositories }
    }

    #[test]
    fn the_first_line_says_what_it_comes_to() {
        let at = Path::new("/srv/r0.git/hooks\u{1b}[2J");
        let missing = || Finding::critical("hook-missing", at, "gone", "repair it");
        let warning = Finding::warning("fsck-off", at, "off", "switch it on");
        assert_eq!(summary(&examined(vec![])), "OK: 0 repositories");
        assert_eq!(human(&examined(vec![vec![]])), "OK: 1 repository\nok /srv/r0.git\n");
        let told = human(&examined(vec![vec![missing(), warning], vec![], vec![missing()]]));
        let lines: Vec<_> = told.lines().collect();
        assert_eq!(
            lines[..3],
            [
                "CRITICAL: 2 of 3 repositories: hook-missing",
                "critical /srv/r0.git",
                "  critical hook-missing: hooks\\u{1b}[2J: gone"
            ]
        );
        assert!(!told.contains('\u{1b}') && lines.contains(&"    way out: repair it"), "{told}");
        let mut of_site = examined(vec![vec![]]);
        of_site.site.findings.push(Finding::unknown("not-permitted", at, "no", "as root"));
        assert_eq!(summary(&of_site), "UNKNOWN: the installation: not-permitted");
    }
}
