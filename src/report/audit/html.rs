//! The yearly report as one page, made as that of the register is.

use super::{Audit, Pusher, Tally};
use crate::report::register::{
    Standing, badge,
    page::{self, Markup, tile},
    shown, spoken,
};
use std::collections::BTreeMap;

/// The report as HTML.
pub fn html(audit: &Audit) -> String {
    let (register, coverage) = (&audit.register, &audit.register.coverage);
    let mut page = page::begun(&format!("Yearly report of {}", coverage.checkpoint.origin));
    page.raw("<header>\n");
    page::heading("Yearly report", coverage, &mut page);
    page.raw("<ul class=\"tiles\">\n");
    let of = |word: &str| audit.pushes.get(word).copied().unwrap_or_default();
    let length = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    tile(of("accepted"), "pushes accepted", "", &mut page);
    tile(of("refused"), "pushes refused", "", &mut page);
    tile(of("undecided"), "pushes not decided", "due", &mut page);
    tile(length(register.uses.len()), "emergencies", "", &mut page);
    tile(length(register.count(|standing| standing == Standing::Overdue)), "reviews overdue", "late", &mut page);
    tile(length(register.moves.len()), "refs moved without a record", "due", &mut page);
    tile(length(audit.keys.len()), "keys ended, or about to", "due", &mut page);
    page.raw("</ul>\n</header>\n<main>\n");
    page::covered(coverage, &mut page);
    refusals(audit, &mut page);
    let pusher = |pusher: &Pusher| match pusher {
        Pusher::Known(id) => id.clone(),
        Pusher::Account(account) => format!("account {account}, nobody's"),
        Pusher::Unknown => "not known".to_owned(),
    };
    tallies("Who pushed", "Pusher", audit.pushers.iter().map(|(who, of)| (pusher(who), *of)), &mut page);
    signers(audit, &mut page);
    tallies("Repositories", "Path", audit.repositories.iter().map(|(path, of)| (shown(path), *of)), &mut page);
    keys(audit, &mut page);
    policies(audit, &mut page);
    emergencies(audit, &mut page);
    page::moves(&register.moves, &mut page);
    page::periods(&register.periods, &mut page);
    page.raw("</main>\n");
    page::end(coverage, page)
}

fn number(count: u64, page: &mut Markup) {
    page.raw(&format!("<td class=\"number\">{count}</td>"));
}

fn section(title: &str, is_empty: bool, page: &mut Markup) -> bool {
    page.raw(&format!("<h2>{title}</h2>\n"));
    if is_empty {
        page.raw("<p class=\"note\">None is recorded in this period.</p>\n");
    }
    !is_empty
}

fn refusals(audit: &Audit, page: &mut Markup) {
    if !section("Why changes were refused", audit.reasons.is_empty(), page) {
        return;
    }
    let mut reasons: Vec<_> = audit.reasons.iter().collect();
    reasons.sort_by_key(|(_, found)| std::cmp::Reverse((found.refused, found.told, found.waived)));
    let heads = ["Reason", "Refused", "Only told", "Waived by an emergency"];
    page::table(page, "In how many changes of a ref each reason was found", &heads, |page| {
        for (code, found) in reasons {
            page.raw("<tr>").element("th", "", code);
            [found.refused, found.told, found.waived].into_iter().for_each(|count| number(count, page));
            page.raw("</tr>\n");
        }
    });
}

fn tallies(title: &str, head: &str, rows: impl ExactSizeIterator<Item = (String, Tally)>, page: &mut Markup) {
    if !section(title, rows.len() == 0, page) {
        return;
    }
    page::table(page, "Changes of refs", &[head, "Made", "Refused"], |page| {
        for (name, tally) in rows {
            page.raw("<tr>").element("th", "", &name);
            [tally.accepted, tally.refused].into_iter().for_each(|count| number(count, page));
            page.raw("</tr>\n");
        }
    });
}

fn signers(audit: &Audit, page: &mut Markup) {
    if !section("Who signed", audit.signers.is_empty(), page) {
        return;
    }
    let counted = |counts: &BTreeMap<String, u64>| {
        counts.iter().map(|(what, count)| format!("{what}: {count}")).collect::<Vec<_>>().join(", ")
    };
    let caption = format!("Commits and tags that were brought, by signature: {}", counted(&audit.statuses));
    page::table(page, &caption, &["Signer", "Commits and tags", "Keys"], |page| {
        for (signer, signed) in &audit.signers {
            page.raw("<tr>").element("th", "", signer);
            number(signed.objects, page);
            page.raw("<td>");
            for (at, (key, count)) in signed.keys.iter().enumerate() {
                page.raw(if at == 0 { "" } else { "<br>" }).element("code", "", key);
                page.raw(&format!(" {count}"));
            }
            page.raw("</td></tr>\n");
        }
    });
}

fn keys(audit: &Audit, page: &mut Markup) {
    page.raw("<h2>Keys that have ended, or end within 91 days</h2>\n");
    if audit.keys.is_empty() {
        page.raw("<p class=\"note\">None of the registries last in force.</p>\n");
        return;
    }
    page::table(page, "Of the registries last in force", &["Signer", "Ends", "Key", "State"], |page| {
        for key in &audit.keys {
            page.raw("<tr>").element("th", "", &key.signer);
            page.element("td", "when", &key.ends.map_or_else(|| "has ended".to_owned(), spoken));
            page.raw("<td>").element("code", "", &key.key).raw("</td>").element("td", "", &key.state).raw("</tr>\n");
        }
    });
}

fn policies(audit: &Audit, page: &mut Markup) {
    if !section("Policies that changed", audit.policies.is_empty(), page) {
        return;
    }
    let heads = ["Record", "Met at", "Policy", "What became weaker, or may have"];
    page::table(page, "When a push first met another policy or registry", &heads, |page| {
        for change in &audit.policies {
            page.raw(&format!("<tr><th scope=\"row\">{}</th>", change.record.number));
            page.element("td", "when", &spoken(change.record.time)).raw("<td>").element(
                "span",
                "",
                &shown(&change.path),
            );
            page.raw(if change.is_policy { "" } else { " <span class=\"note\">(its registry)</span>" })
                .raw("</td><td>");
            for (at, sentence) in change.weaker.iter().enumerate() {
                page.raw(if at == 0 { "" } else { "<br>" }).element("span", "", sentence);
            }
            page.raw("</td></tr>\n");
        }
    });
}

fn emergencies(audit: &Audit, page: &mut Markup) {
    if !section("Emergencies", audit.register.uses.is_empty(), page) {
        return;
    }
    let heads = ["Record", "When", "Repository and ref", "Ticket and reason", "Review"];
    page::table(page, "In short: the emergency register has more of each", &heads, |page| {
        for one in &audit.register.uses {
            page.raw(&format!("<tr><th scope=\"row\">{}</th>", one.record.number));
            page.element("td", "when", &spoken(one.record.time));
            page::place(&one.change, page);
            page.raw("<td>");
            for (ticket, reason) in one.claims() {
                page.element("strong", "", &shown(ticket)).raw(" ").element("span", "", &shown(reason)).raw(" ");
            }
            page.raw(&format!("</td><td>{}</td></tr>\n", badge(one.standing())));
        }
    });
}
