//! The register for a terminal: no line begins with untrusted text, each is escaped and whole.

use super::{Coverage, Register, Use, Waiver, brought, object, shown, spoken};
use crate::report::escaped;

/// The register as lines that end in a newline.
pub fn text(register: &Register) -> String {
    let mut lines = Vec::new();
    coverage(&register.coverage, "emergency register", &mut lines);
    if !register.earlier.is_empty() {
        let earlier = register.earlier.iter().map(|(number, overdue)| match overdue {
            true => format!("{number} (overdue)"),
            false => number.to_string(),
        });
        lines.push(format!("  still owed from before: records {}", earlier.collect::<Vec<_>>().join(", ")));
    }
    lines.push(String::new());
    lines.push(format!("emergencies: {}", register.uses.len()));
    for one in &register.uses {
        write_use(one, &mut lines);
    }
    if !register.coverage.overdue_alone {
        others(register, &mut lines);
    }
    lines.iter().map(|line| escaped(line) + "\n").collect()
}

/// What is covered and what not; not escaped.
pub(in crate::report) fn coverage(coverage: &Coverage, title: &str, lines: &mut Vec<String>) {
    let end = |time: Option<_>, other: &str| time.map_or_else(|| other.to_owned(), spoken);
    lines.push(format!("{title} of the ledger {}", coverage.checkpoint.origin));
    lines.push(format!("  made        {}", spoken(coverage.made)));
    lines.push(format!("  period      {} to {}", end(coverage.from, "the first record"), end(coverage.to, "now")));
    if let Some(part) = coverage.part() {
        lines.push(format!("  only        {part}"));
    }
    lines.push(match &coverage.records {
        Some((first, last, count)) => format!(
            "  records     {count}, from {} ({}) to {} ({})",
            first.number,
            spoken(first.time),
            last.number,
            spoken(last.time)
        ),
        None => "  records     none in this period".to_owned(),
    });
    let checkpoint = &coverage.checkpoint;
    lines.push(format!("  checkpoint  {} records, root {}", checkpoint.size, checkpoint.root));
    lines.push(format!("  key         {}", checkpoint.key));
    for witness in &coverage.witnesses {
        let names = witness.names.join(", ");
        lines.push(match &witness.differs {
            None => format!("  witness     {names}: {} records, of which these are a continuation", witness.size),
            Some(why) => format!("  witness     {names}: DIFFERS: {why}"),
        });
    }
    if coverage.witnesses.is_empty() {
        lines.push("  witness     none".to_owned());
    }
    lines.push("  what it does not cover".to_owned());
    lines.extend(coverage.limits().into_iter().map(|limit| format!("    - {limit}")));
}

fn write_use(one: &Use, lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push(format!("record {}: {}", one.record.number, one.standing().described()));
    let mut line = |what: &str, text: String| lines.push(format!("  {what:<11} {text}"));
    line("time", spoken(one.record.time));
    line("repository", shown(one.change.repository()));
    line("ref", format!("{} ({})", shown(one.change.name.as_bytes()), one.kind()));
    line("old value", object(one.change.old));
    line("new value", object(one.change.new));
    if one.state != "completed" {
        let state = if one.state == "failed" { "git did not do it" } else { "what git did is not recorded yet" };
        line("outcome", state.to_owned());
    }
    line("pusher", one.pusher.described());
    if let Some(certificate) = one.certificate {
        line("certificate", certificate.to_string());
    }
    for (ticket, reason) in one.claims() {
        line("ticket", shown(ticket));
        line("reason", shown(reason));
    }
    for (what, text) in one.waivers.iter().flat_map(waiver) {
        line(what, text);
    }
    for approval in &one.approvals {
        line("approved by", format!("{}, key {}, for rule `{}`", approval.signer, approval.key, approval.rule));
    }
    let signers =
        if one.signers.is_empty() { String::new() } else { format!(", signed by {}", one.signers.join(", ")) };
    line("brought", format!("{}{signers}", brought(one.objects)));
    if let Some((changed, listed)) = &one.paths {
        line("paths", changed.count.to_string());
        for path in listed {
            line("", shown(path));
        }
        if let Some(more) =
            changed.count.checked_sub(listed.len().try_into().unwrap_or(u64::MAX)).filter(|more| *more > 0)
        {
            line("", format!("and {more} more"));
        }
    }
    for revert in &one.reverts {
        line("reverted", revert.described());
    }
    line("proof", format!("countersign ledger prove {}", one.record.number));
}

/// What is to be said of a waiver, with what each line is about; not escaped.
pub fn waiver(waiver: &Waiver) -> Vec<(&'static str, String)> {
    let emergency = &waiver.emergency;
    let policy = shown(&waiver.policy);
    let mut lines = vec![
        ("waived", format!("{} of rule `{}` ({policy})", emergency.waived.join(", "), emergency.rule)),
        (
            "declared by",
            format!(
                "{}, in the signed {} {}, key {}",
                emergency.signer, emergency.form, emergency.object, emergency.key
            ),
        ),
        ("review", format!("{}; due {}", waiver.standing.described(), spoken(emergency.due))),
    ];
    for signer in &emergency.settled_by {
        lines.push(("reviewed by", format!("{signer}, whose approval stood already")));
    }
    for (record, review) in &waiver.reviews {
        let reviewed = format!("{} at {}: record {}", review.signer, spoken(record.time), record.number);
        lines.push(("reviewed by", reviewed));
    }
    lines
}

/// What is there beside emergencies; not escaped.
pub(in crate::report) fn others(register: &Register, lines: &mut Vec<String>) {
    lines.push(String::new());
    lines.push(format!("refused attempts: {}", register.attempts.len()));
    for attempt in &register.attempts {
        lines.push(format!(
            "  {}  record {}  {}  {}  {}",
            spoken(attempt.record.time),
            attempt.record.number,
            shown(attempt.change.repository()),
            shown(attempt.change.name.as_bytes()),
            attempt.codes.join(", ")
        ));
        lines.push(format!("    pusher {}", attempt.pusher.described()));
        lines.extend(attempt.told.iter().map(|told| format!("    {told}")));
    }
    lines.push(String::new());
    lines.push(format!("refs that moved without a decision: {}", register.moves.len()));
    for moved in &register.moves {
        lines.push(format!(
            "  {}  record {}  {}  {}  {} to {}, seen by {}",
            spoken(moved.record.time),
            moved.record.number,
            shown(moved.change.repository()),
            shown(moved.change.name.as_bytes()),
            object(moved.change.old),
            object(moved.change.new),
            moved.by
        ));
    }
    lines.push(String::new());
    lines.push(format!("periods in which a rule was off, warned or was weaker: {}", register.periods.len()));
    for period in &register.periods {
        let rule = period.rule.as_ref().map_or_else(|| "the policy".to_owned(), |rule| format!("rule `{rule}`"));
        let until = match period.until {
            None => "and still".to_owned(),
            Some((until, None)) => format!("to {}, as it says itself", spoken(until)),
            Some((until, Some(number))) => format!("to {} (record {number})", spoken(until)),
        };
        lines.push(format!(
            "  {} (record {}) {until}: {rule} of {}: {}",
            spoken(period.from.time),
            period.from.number,
            shown(&period.policy),
            period.how.described()
        ));
        lines.push(format!("    {}", period.what));
    }
}
