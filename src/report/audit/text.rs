//! The yearly report for a terminal.

use super::{Audit, Pusher, Tally};
use crate::report::{escaped, register};

/// The report as lines that end in a newline, none of which begins with untrusted text.
pub fn text(audit: &Audit) -> String {
    let mut lines = Vec::new();
    register::coverage_lines(&audit.register.coverage, "yearly report", &mut lines);
    let mut table = |head: String, rows: Vec<[String; 3]>| {
        lines.push(String::new());
        lines.push(if rows.is_empty() { format!("{head}: none") } else { head });
        let width =
            |at: usize| rows.iter().map(|row| row.get(at).map_or(0, |cell| cell.chars().count())).max().unwrap_or(0);
        let (first, second) = (width(0), width(1));
        for [one, two, three] in &rows {
            lines.push(format!("  {one:>first$}  {two:<second$}  {three}").trim_end().to_owned());
        }
    };
    let counts = |counts: &std::collections::BTreeMap<String, u64>| {
        counts.iter().map(|(what, count)| [count.to_string(), escaped(what), String::new()]).collect()
    };
    table("pushes".into(), counts(&audit.pushes));
    table("changes of refs".into(), counts(&audit.changes));
    let tally = |tally: &Tally| format!("{} accepted, {} refused", tally.accepted, tally.refused);
    let named = |name: String, of: &Tally| [(of.accepted + of.refused).to_string(), name, tally(of)];
    table(
        "repositories".into(),
        audit.repositories.iter().map(|(path, of)| named(register::shown(path), of)).collect(),
    );
    let pusher = |pusher: &Pusher| match pusher {
        Pusher::Known(id) => escaped(id),
        Pusher::Account(account) => format!("(account {})", escaped(account)),
        Pusher::Unknown => "(unknown)".to_owned(),
    };
    table("pushers".into(), audit.pushers.iter().map(|(who, of)| named(pusher(who), of)).collect());
    let mut reasons: Vec<_> = audit.reasons.iter().collect();
    reasons.sort_by_key(|(_, found)| std::cmp::Reverse(found.refused));
    let reason = |(code, found): (&String, &super::Reasons)| {
        let parts = [(found.told, "only told"), (found.waived, "waived by an emergency")];
        let parts = parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        [found.refused.to_string(), escaped(code), parts.collect::<Vec<_>>().join(", ")]
    };
    table("changes refused, by reason".into(), reasons.into_iter().map(reason).collect());
    let signer = |(id, signed): (&String, &super::Signed)| {
        let keys = signed.keys.iter().map(|(key, count)| format!("{}: {count}", escaped(key)));
        [signed.objects.to_string(), escaped(id), keys.collect::<Vec<_>>().join(", ")]
    };
    table("commits and tags brought, by signer".into(), audit.signers.iter().map(signer).collect());
    table("commits and tags brought, by signature".into(), counts(&audit.statuses));
    let key = |key: &super::Key| {
        let ends = key.ends.map_or_else(|| "ended".to_owned(), register::spoken);
        [ends, escaped(&key.signer), format!("{} ({})", escaped(&key.key), escaped(&key.state))]
    };
    table("keys that have ended, or end within 91 days".into(), audit.keys.iter().map(key).collect());
    let mut changes = Vec::new();
    for change in &audit.policies {
        let what = if change.is_policy { "policy" } else { "registry" };
        let (time, path) = (register::spoken(change.record.time), register::shown(&change.path));
        changes.push([time, format!("record {}", change.record.number), format!("the {what} of {path} changed")]);
        changes.extend(change.weaker.iter().map(|sentence| [String::new(), String::new(), escaped(sentence)]));
    }
    table("policies".into(), changes);
    let uses = audit.register.uses.iter().map(|one| {
        let claims = one
            .claims()
            .into_iter()
            .map(|(ticket, reason)| format!("{}: {}", register::shown(ticket), register::shown(reason)));
        let standing = one.standing().described();
        let what = format!(
            "{standing}; {}; {}",
            register::shown(one.change.name.as_bytes()),
            claims.collect::<Vec<_>>().join("; ")
        );
        [register::spoken(one.record.time), format!("record {}", one.record.number), what]
    });
    table("emergencies (`ledger emergencies` has all of them)".into(), uses.collect());
    register::other_lines(&audit.register, &mut lines);
    lines.iter().map(|line| escaped(line) + "\n").collect()
}
