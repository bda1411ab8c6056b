//! The register for a spreadsheet: RFC 4180, a line for each rule that was waived, so that each cell holds one thing.

use super::{Register, Revert, Use, Waiver, moment, shown};

const HEADS: [&str; 32] = [
    "record",
    "time",
    "repository",
    "path",
    "ref",
    "change",
    "old",
    "new",
    "outcome",
    "pusher",
    "account",
    "known by",
    "via",
    "push certificate",
    "policy",
    "rule",
    "waived",
    "ticket",
    "reason",
    "declared by",
    "key",
    "form",
    "declaration",
    "approved by",
    "standing",
    "due",
    "reviewed by",
    "reviewed at",
    "review records",
    "paths changed",
    "commits and tags",
    "reverted",
];

/// The uses of emergencies; the other lists of a register are not in it.
///
/// A cell that a spreadsheet would take for a formula gets an apostrophe before it (OWASP, "CSV Injection"): one that begins
/// with `=`, `+`, `-`, `@`, also behind white space. Control characters and the like are written out.
pub fn csv(register: &Register) -> String {
    let mut table = line(&HEADS.map(str::to_owned));
    for one in &register.uses {
        for waiver in &one.waivers {
            table.push_str(&line(&cells(one, waiver)));
        }
    }
    table
}

fn cells(one: &Use, waiver: &Waiver) -> [String; 32] {
    let change = &one.change;
    let emergency = &waiver.emergency;
    let id = |id: Option<crate::push::ObjectId>| id.map(|id| id.to_string()).unwrap_or_default();
    let mut approvers: Vec<_> = one.approvals.iter().map(|approval| approval.signer.clone()).collect();
    approvers.dedup();
    let reviewers = emergency.settled_by.iter().cloned();
    let reviewers = reviewers.chain(waiver.reviews.iter().map(|(_, review)| review.signer.clone()));
    let reverts = one.reverts.iter().map(Revert::described);
    [
        one.record.number.to_string(),
        moment(one.record.time),
        change.repository_name.as_deref().map(shown).unwrap_or_default(),
        shown(&change.repository),
        shown(change.name.as_bytes()),
        one.kind().to_owned(),
        id(change.old),
        id(change.new),
        one.state.clone(),
        one.pusher.id.clone().unwrap_or_default(),
        one.pusher.account.clone().unwrap_or_default(),
        one.pusher.known_by.clone().unwrap_or_default(),
        one.pusher.via.clone().unwrap_or_default(),
        one.certificate.map(|digest| digest.to_string()).unwrap_or_default(),
        shown(&waiver.policy),
        emergency.rule.clone(),
        emergency.waived.join("; "),
        shown(&emergency.ticket),
        shown(&emergency.reason),
        emergency.signer.clone(),
        emergency.key.clone(),
        emergency.form.to_owned(),
        emergency.object.to_string(),
        approvers.join("; "),
        waiver.standing.word().to_owned(),
        moment(emergency.due),
        reviewers.collect::<Vec<_>>().join("; "),
        waiver.reviews.iter().map(|(record, _)| moment(record.time)).collect::<Vec<_>>().join("; "),
        waiver.reviews.iter().map(|(record, _)| record.number.to_string()).collect::<Vec<_>>().join("; "),
        one.paths.as_ref().map(|(changed, _)| changed.count.to_string()).unwrap_or_default(),
        one.objects.to_string(),
        reverts.collect::<Vec<_>>().join("; "),
    ]
}

fn line(cells: &[String]) -> String {
    cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\r\n"
}

fn quoted(cell: &str) -> String {
    let cell = crate::report::escaped(cell);
    let guard = if cell.trim_start().starts_with(['=', '+', '-', '@']) { "'" } else { "" };
    let cell = format!("{guard}{cell}");
    match cell.contains([',', '"', ';', '\'']) || cell.starts_with(' ') || cell.ends_with(' ') {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_neither_a_formula_nor_two_cells() {
        for (cell, expected) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"so\"", "\"say \"\"so\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("  =cmd|' /C calc'!A0", "\"'  =cmd|' /C calc'!A0\""),
            ("\u{3000}=1", "\"'\u{3000}=1\""),
            ("\t=1", "\\u{9}=1"),
            ("a\r\nb", "a\\u{d}\\u{a}b"),
            ("x\u{202e}y", "x\\u{202e}y"),
            ("", ""),
        ] {
            assert_eq!(quoted(cell), expected, "{cell:?}");
        }
    }
}
