//! The register as one page, which needs nothing beside itself: no script, no font, no request.

mod markup;
pub(in crate::report) mod page;
mod timeline;

use super::{Attempt, Register, Standing, Use, Waiver, brought, object, shown, spoken};
use markup::{Markup, safe};
use page::{covered, lax, moves, periods, place, table, when};

/// The register as HTML.
///
/// All of it that somebody else wrote is escaped. Were something left out, the policy in the page's head still lets nothing be
/// run or fetched.
pub fn html(register: &Register) -> String {
    let mut page = page::begun(&format!("Emergency register of {}", register.coverage.checkpoint.origin));
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
    page::end(&register.coverage, page)
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

/// The words for it, coloured.
pub(in crate::report) fn badge(standing: Standing) -> String {
    format!("<span class=\"badge {}\">{}</span>", class(standing), standing.described())
}

fn head(register: &Register, page: &mut Markup) {
    let coverage = &register.coverage;
    page.raw("<header>\n");
    page::heading("Emergency register", coverage, page);
    page.raw("<ul class=\"tiles\">\n");
    let mut tile = |count: usize, what: &str, class: &str| {
        page::tile(u64::try_from(count).unwrap_or(u64::MAX), what, class, page);
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
