//! The register as one page, which needs nothing beside itself: no script, no font, no request.

mod markup;
mod timeline;

use super::{
    Attempt, Coverage, Laxity, Moved, Period, RefChange, Register, Standing, Use, Waiver, brought, object, shown,
    spoken,
};
use markup::{Markup, safe};

/// The register as HTML.
///
/// All of it that somebody else wrote is escaped. Were something left out, the policy in the page's head still lets nothing be
/// run or fetched.
pub fn html(register: &Register) -> String {
    let mut page = Markup::default();
    let title = format!("Emergency register of {}", register.coverage.checkpoint.origin);
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        .raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n")
        .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .raw("<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>")
        .text(&title)
        .raw("</title>\n<style>\n")
        .raw(include_str!("style.css"))
        .raw("</style>\n</head>\n<body>\n");
    head(register, &mut page);
    page.raw("<main>\n");
    covered(&register.coverage, &mut page);
    timeline::timeline(register, &mut page);
    overview(register, &mut page);
    for one in &register.uses {
        one_use(one, &mut page);
    }
    if !register.coverage.overdue_alone {
        attempts(&register.attempts, &mut page);
        moves(&register.moves, &mut page);
        periods(&register.periods, &mut page);
    }
    page.raw("</main>\n");
    foot(register, &mut page);
    page.raw("</body>\n</html>\n");
    page.done()
}

/// How it is coloured; never by that alone, the words stand beside it.
fn class(standing: Standing) -> &'static str {
    match standing {
        Standing::NotDone => "mute",
        Standing::Approved | Standing::Reviewed => "good",
        Standing::ReviewedLate | Standing::Due => "due",
        Standing::Overdue => "late",
    }
}

fn badge(standing: Standing) -> String {
    format!("<span class=\"badge {}\">{}</span>", class(standing), standing.described())
}

fn ends(coverage: &Coverage) -> String {
    let from = coverage.from.map_or_else(|| "the first record".to_owned(), spoken);
    format!("From {from} to {}", coverage.to.map_or_else(|| "now".to_owned(), spoken))
}

fn head(register: &Register, page: &mut Markup) {
    let coverage = &register.coverage;
    page.raw("<header>\n<h1>Emergency register</h1>\n").element("p", "lead", &coverage.checkpoint.origin);
    page.element("p", "lead", &format!("{}. Made {}.", ends(coverage), spoken(coverage.made)));
    if let Some(part) = coverage.part() {
        page.raw("<p><span class=\"badge due\">Not all of the ledger</span> ")
            .text(&format!("Only {part}."))
            .raw("</p>\n");
    }
    page.raw("<ul class=\"tiles\">\n");
    let mut tile = |count: usize, what: &str, class: &str| {
        let class = if count > 0 { class } else { "" };
        page.raw(&format!("<li class=\"{class}\"><strong>{count}</strong><span>{what}</span></li>\n"));
    };
    tile(register.uses.len(), if register.uses.len() == 1 { "emergency" } else { "emergencies" }, "");
    tile(register.count(|standing| standing == Standing::Overdue), "reviews overdue", "late");
    tile(register.count(|standing| standing == Standing::Due), "reviews due", "due");
    let reviewed = [Standing::Approved, Standing::Reviewed, Standing::ReviewedLate];
    tile(register.count(|standing| reviewed.contains(&standing)), "reviewed", "");
    if !coverage.overdue_alone {
        tile(register.attempts.len(), "attempts refused", "");
        tile(register.moves.len(), "refs moved without a record", "due");
        tile(register.periods.len(), "periods with less protection", "");
    }
    page.raw("</ul>\n</header>\n");
}

fn covered(coverage: &Coverage, page: &mut Markup) {
    page.raw(
        "<h2 id=\"coverage\">What this covers</h2>\n<section class=\"card\" aria-labelledby=\"coverage\">\n<dl>\n",
    );
    page.fact("Period", &ends(coverage));
    match &coverage.records {
        Some((first, last, count)) => {
            page.fact("Records", &count.to_string());
            page.fact("First record", &format!("{}, {}", first.number, spoken(first.time)));
            page.fact("Last record", &format!("{}, {}", last.number, spoken(last.time)));
        }
        None => drop(page.fact("Records", "none in this period")),
    }
    let checkpoint = &coverage.checkpoint;
    page.fact("Checkpoint", &format!("of {} records", checkpoint.size));
    page.exact("Root hash", &checkpoint.root).exact("Ledger's key", &checkpoint.key);
    if coverage.witnesses.is_empty() {
        page.raw("<dt>Witness</dt><dd><span class=\"badge due\">none known</span></dd>\n");
    }
    for witness in &coverage.witnesses {
        page.raw("<dt>Witness</dt><dd>").element("span", "", &witness.names.join(", ")).raw(": ");
        match &witness.differs {
            None => page.text(&format!("signed {} records, of which these are a continuation", witness.size)),
            Some(why) => page.raw("<span class=\"badge late\">saw another ledger</span> ").text(why),
        };
        page.raw("</dd>\n");
    }
    page.raw("</dl>\n<h4>What it does not cover</h4>\n<ul class=\"limits\">\n");
    for limit in coverage.limits() {
        page.element("li", "", &limit).raw("\n");
    }
    page.raw("</ul>\n</section>\n");
}

fn overview(register: &Register, page: &mut Markup) {
    page.raw("<h2 id=\"emergencies\">Emergencies</h2>\n");
    for (number, overdue) in &register.earlier {
        let late = if *overdue { "overdue" } else { "owed" };
        page.raw(&format!("<p>Of before this period, the review of record {number} is still {late}.</p>\n"));
    }
    if register.uses.is_empty() {
        page.raw("<p class=\"note\">None is recorded in this period.</p>\n");
        return;
    }
    let heads = ["Record", "When", "Repository and ref", "Declared by", "Ticket", "Review"];
    table(page, "Each emergency that was let in, the earliest first", &heads, |page| {
        for one in &register.uses {
            let number = one.record.number;
            page.raw(&format!("<tr><th scope=\"row\"><a href=\"#record-{number}\">{number}</a></th>"));
            when(one.record.time, page);
            place(&one.change, page);
            let mut people: Vec<_> = one.waivers.iter().map(|waiver| waiver.emergency.signer.as_str()).collect();
            people.dedup();
            page.element("td", "", &people.join(", "));
            let tickets: Vec<_> = one.claims().into_iter().map(|(ticket, _)| shown(ticket)).collect();
            page.element("td", "", &tickets.join(", "));
            page.raw(&format!("<td>{}</td></tr>\n", badge(one.standing())));
        }
    });
}

fn one_use(one: &Use, page: &mut Markup) {
    let number = one.record.number;
    page.raw(&format!(
        "<article class=\"card {}\" id=\"record-{number}\" aria-labelledby=\"head-{number}\">\n<div class=\"head\">",
        class(one.standing())
    ));
    page.raw(&format!("<h3 id=\"head-{number}\">Record {number}: ")).element(
        "span",
        "",
        &shown(one.change.name.as_bytes()),
    );
    page.raw(&format!(" {}</h3> {}", one.kind(), badge(one.standing())));
    page.raw(&format!("<time datetime=\"{}\">", super::moment(one.record.time))).text(&spoken(one.record.time));
    page.raw("</time></div>\n");
    for (ticket, reason) in one.claims() {
        page.raw("<p class=\"reason\">").element("strong", "", &shown(ticket)).raw(" ");
        page.element("span", "", &shown(reason)).raw("</p>\n");
    }
    page.raw("<dl>\n").fact("Repository", &shown(one.change.repository()));
    page.exact("Old value", &object(one.change.old)).exact("New value", &object(one.change.new));
    match one.state.as_str() {
        "completed" => {}
        "failed" => drop(page.fact("Outcome", "git did not do it")),
        _ => drop(page.fact("Outcome", "what git did is not recorded yet")),
    }
    page.fact("Pushed by", &one.pusher.described());
    page.exact("Push certificate", &one.certificate.map(|digest| digest.to_string()).unwrap_or_default());
    let by = if one.signers.is_empty() { String::new() } else { format!(", signed by {}", one.signers.join(", ")) };
    page.fact("Brought", &format!("{}{by}", brought(one.objects)));
    if one.reverts.is_empty() && one.state == "completed" {
        page.fact("Reverted since", "no sign of it");
    }
    for revert in &one.reverts {
        page.fact("Reverted since", &revert.described());
    }
    page.raw("</dl>\n");
    for waiver in &one.waivers {
        one_waiver(waiver, page);
    }
    if !one.approvals.is_empty() {
        page.raw("<h4>Approvals that counted</h4>\n");
        table(page, "", &["Approver", "Rule", "Key", "Commit", "Tag"], |page| {
            for approval in &one.approvals {
                page.raw("<tr>").element("th", "", &approval.signer).element("td", "", &approval.rule);
                for exact in [&approval.key, &approval.object.to_string(), &approval.tag.to_string()] {
                    page.raw("<td>").element("code", "", exact).raw("</td>");
                }
                page.raw("</tr>\n");
            }
        });
    }
    paths(one, page);
    proof(one, page);
    page.raw("</article>\n");
}

fn one_waiver(waiver: &Waiver, page: &mut Markup) {
    let emergency = &waiver.emergency;
    page.raw("<h4>Waived of rule ").element("span", "", &emergency.rule).raw("</h4>\n<dl>\n");
    page.fact("Requirements", &emergency.waived.join(", ")).fact("Policy", &shown(&waiver.policy));
    page.fact("Declared by", &format!("{}, in a signed {}", emergency.signer, emergency.form));
    page.exact("Key", &emergency.key).exact("Declaration", &emergency.object.to_string());
    page.raw("<dt>Review</dt><dd>").raw(&badge(waiver.standing)).raw(" ");
    page.text(&format!("due {}", spoken(emergency.due))).raw("</dd>\n");
    for signer in &emergency.settled_by {
        page.fact("Reviewed by", &format!("{signer}, whose approval stood already"));
    }
    for (record, review) in &waiver.reviews {
        let reviewed = format!("{} at {}: record {}", review.signer, spoken(record.time), record.number);
        page.fact("Reviewed by", &reviewed).exact("Approval", &review.tag.to_string());
    }
    if waiver.reviews.is_empty() && emergency.settled_by.is_empty() {
        let may = match emergency.reviewers.iter().any(|who| who == "*") {
            true => "every registered person".to_owned(),
            false => emergency.reviewers.join(", "),
        };
        page.fact("May review", &may).fact("May not", &emergency.excluded.join(", "));
    }
    page.raw("</dl>\n");
}

fn paths(one: &Use, page: &mut Markup) {
    let Some((changed, listed)) = &one.paths else { return };
    page.raw(&format!("<h4>Paths changed: {}</h4>\n<ul class=\"paths\">\n", changed.count));
    for path in listed {
        page.raw("<li>").element("code", "", &shown(path)).raw("</li>\n");
    }
    let more = changed.count.saturating_sub(u64::try_from(listed.len()).unwrap_or(u64::MAX));
    if more > 0 {
        page.raw(&format!("<li>and {more} more</li>\n"));
    }
    page.raw("</ul>\n");
}

fn proof(one: &Use, page: &mut Markup) {
    let number = one.record.number;
    let Some(proven) = &one.proof else {
        page.raw("<p class=\"note\">No checkpoint covers this record yet.</p>\n");
        return;
    };
    page.raw("<p class=\"on-paper\">The proof that this record is in the ledger: ");
    page.element("code", "", &format!("countersign ledger prove {number}")).raw(", or this page on a screen.</p>\n");
    page.raw("<details>\n<summary>The record, and the proof that it is in the ledger</summary>\n");
    page.raw("<p class=\"note\">The record, without an end of line, in one file; the proof in another: ");
    page.element(
        "code",
        "",
        &format!("countersign ledger prove {number} --output {number}.proof --record {number}.json"),
    );
    page.raw(" writes both.</p>\n");
    for text in [&proven.record, &proven.proof] {
        page.raw("<pre>");
        for (at, line) in text.split('\n').enumerate() {
            page.raw(if at == 0 { "" } else { "\n" }).text(line);
        }
        page.raw("</pre>\n");
    }
    page.raw("</details>\n");
}

fn attempts(attempts: &[Attempt], page: &mut Markup) {
    page.raw("<h2>Refused attempts</h2>\n");
    if attempts.is_empty() {
        page.raw("<p class=\"note\">None is recorded in this period.</p>\n");
        return;
    }
    let heads = ["Record", "When", "Repository and ref", "Pushed by", "Why"];
    table(page, "Emergencies that were not let in, or whose push was not", &heads, |page| {
        for attempt in attempts {
            page.raw(&format!("<tr><th scope=\"row\">{}</th>", attempt.record.number));
            when(attempt.record.time, page);
            place(&attempt.change, page);
            page.element("td", "", &attempt.pusher.described()).raw("<td>");
            for code in &attempt.codes {
                page.element("span", "badge", code).raw(" ");
            }
            for told in &attempt.told {
                page.raw("<br>").element("span", "", told);
            }
            page.raw("</td></tr>\n");
        }
    });
}

fn moves(moves: &[Moved], page: &mut Markup) {
    page.raw("<h2>Refs that moved without a record</h2>\n");
    if moves.is_empty() {
        page.raw("<p class=\"note\">None was found in this period.</p>\n");
        return;
    }
    let heads = ["Record", "Found", "Repository and ref", "Recorded value", "Value found", "Seen by"];
    table(page, "What nobody decided on: a push without the hook, or a change on the server itself", &heads, |page| {
        for moved in moves {
            page.raw(&format!("<tr><th scope=\"row\">{}</th>", moved.record.number));
            when(moved.record.time, page);
            place(&moved.change, page);
            for value in [moved.change.old, moved.change.new] {
                page.raw("<td>").element("code", "", &object(value)).raw("</td>");
            }
            page.element("td", "", &moved.by).raw("</tr>\n");
        }
    });
}

fn periods(periods: &[Period], page: &mut Markup) {
    page.raw("<h2>Periods with less protection</h2>\n");
    if periods.is_empty() {
        page.raw("<p class=\"note\">No rule was off, warned only or became weaker in this period.</p>\n");
        return;
    }
    let heads = ["Rule", "How", "From", "Until", "What"];
    table(
        page,
        "When a rule was off, only warned or observed, or was weaker than in the policy before",
        &heads,
        |page| {
            for period in periods {
                let rule = period.rule.as_deref().unwrap_or("the whole policy");
                page.raw("<tr>").element("th", "", rule);
                page.raw(&format!(
                    "<td><span class=\"badge {}\">{}</span></td>",
                    lax(period.how),
                    period.how.described()
                ));
                ends_of_period(Some(period.from.time), Some(period.from.number), page);
                ends_of_period(period.until.map(|(time, _)| time), period.until.and_then(|(_, number)| number), page);
                page.raw("<td>").element("span", "", &period.what);
                page.raw("<br>").element("span", "note", &shown(&period.policy)).raw("</td></tr>\n");
            }
        },
    );
}

/// When it begins or ends, and the record that says so.
fn ends_of_period(time: Option<crate::push::Timestamp>, number: Option<u64>, page: &mut Markup) {
    page.raw("<td>").element("span", "when", &time.map_or_else(|| "still so".to_owned(), spoken));
    if let Some(number) = number {
        page.raw(&format!("<br><span class=\"note\">record {number}</span>"));
    }
    page.raw("</td>");
}

fn lax(how: Laxity) -> &'static str {
    match how {
        Laxity::Off | Laxity::Observed | Laxity::Warned => "due",
        Laxity::Weaker => "lax",
    }
}

fn foot(register: &Register, page: &mut Markup) {
    page.raw("<footer>\n<p>Whoever has the ledger's key, above, can check each record with its proof and any tool that knows ");
    page.raw("c2sp.org/tlog-proof. That none is missing shows only where a checkpoint is held elsewhere: ");
    page.element("code", "", "countersign ledger verify --against FILE");
    page.raw(".</p>\n<details>\n<summary>The checkpoint</summary>\n<pre>");
    for line in register.coverage.checkpoint.note.split_inclusive('\n') {
        page.text(line.trim_end_matches('\n')).raw("\n");
    }
    page.raw("</pre>\n</details>\n</footer>\n");
}

fn when(time: crate::push::Timestamp, page: &mut Markup) {
    page.element("td", "when", &spoken(time));
}

fn place(change: &RefChange, page: &mut Markup) {
    page.raw("<td>").element("span", "", &shown(change.repository())).raw("<br>");
    page.element("span", "", &shown(change.name.as_bytes())).raw("</td>");
}

fn table(page: &mut Markup, caption: &str, heads: &[&str], rows: impl FnOnce(&mut Markup)) {
    page.raw("<div class=\"scroll\"><table>\n");
    if !caption.is_empty() {
        page.raw("<caption>").text(caption).raw("</caption>\n");
    }
    page.raw("<thead><tr>");
    for head in heads {
        page.raw("<th scope=\"col\">").text(head).raw("</th>");
    }
    page.raw("</tr></thead>\n<tbody>\n");
    rows(page);
    page.raw("</tbody>\n</table></div>\n");
}
