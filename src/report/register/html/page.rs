//! What pages have in common: their beginning and end, what they cover, and tables.

pub(in crate::report) use super::markup::Markup;

use super::super::{Coverage, Laxity, Moved, Period, RefChange, object, shown, spoken};
use crate::push::Timestamp;

/// Up to the body. Were something left unescaped below, the policy lets nothing be run or fetched.
pub(in crate::report) fn begun(title: &str) -> Markup {
    let mut page = Markup::default();
    page.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n")
        .raw("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n")
        .raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n")
        .raw("<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<title>")
        .text(title)
        .raw("</title>\n<style>\n")
        .raw(include_str!("style.css"))
        .raw("</style>\n</head>\n<body>\n");
    page
}

/// How to check it, and the end.
pub(in crate::report) fn end(coverage: &Coverage, mut page: Markup) -> String {
    page.raw("<footer>\n<p>Whoever has the ledger's key, above, can check each record with its proof and any tool that knows ");
    page.raw("c2sp.org/tlog-proof. That none is missing shows only where a checkpoint is held elsewhere: ");
    page.element("code", "", "countersign ledger verify --against FILE");
    page.raw(".</p>\n<details>\n<summary>The checkpoint</summary>\n<pre>");
    for line in coverage.checkpoint.note.split_inclusive('\n') {
        page.text(line.trim_end_matches('\n')).raw("\n");
    }
    page.raw("</pre>\n</details>\n</footer>\n");
    page.raw("</body>\n</html>\n");
    page.done()
}

/// The heading, and which period and part of the ledger it is about.
pub(in crate::report) fn heading(title: &str, coverage: &Coverage, page: &mut Markup) {
    page.raw("<h1>").text(title).raw("</h1>\n").element("p", "lead", &coverage.checkpoint.origin);
    page.element("p", "lead", &format!("{}. Made {}.", ends(coverage), spoken(coverage.made)));
    if let Some(part) = coverage.part() {
        page.raw("<p><span class=\"badge due\">Not all of the ledger</span> ")
            .text(&format!("Only {part}."))
            .raw("</p>\n");
    }
}

/// A figure and what it is of; `class` if it is not 0.
pub(in crate::report) fn tile(count: u64, what: &str, class: &str, page: &mut Markup) {
    let class = if count > 0 { class } else { "" };
    page.raw(&format!("<li class=\"{class}\"><strong>{count}</strong><span>{what}</span></li>\n"));
}

fn ends(coverage: &Coverage) -> String {
    let from = coverage.from.map_or_else(|| "the first record".to_owned(), spoken);
    format!("From {from} to {}", coverage.to.map_or_else(|| "now".to_owned(), spoken))
}

/// What is covered, and what not.
pub(in crate::report) fn covered(coverage: &Coverage, page: &mut Markup) {
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

/// Refs that moved without a decision.
pub(in crate::report) fn moves(moves: &[Moved], page: &mut Markup) {
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

/// When rules protected less.
pub(in crate::report) fn periods(periods: &[Period], page: &mut Markup) {
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
fn ends_of_period(time: Option<Timestamp>, number: Option<u64>, page: &mut Markup) {
    page.raw("<td>").element("span", "when", &time.map_or_else(|| "still so".to_owned(), spoken));
    if let Some(number) = number {
        page.raw(&format!("<br><span class=\"note\">record {number}</span>"));
    }
    page.raw("</td>");
}

/// How it is coloured.
pub(in crate::report) fn lax(how: Laxity) -> &'static str {
    match how {
        Laxity::Off | Laxity::Observed | Laxity::Warned => "due",
        Laxity::Weaker => "lax",
    }
}

/// A cell with a moment.
pub(in crate::report) fn when(time: Timestamp, page: &mut Markup) {
    page.element("td", "when", &spoken(time));
}

/// A cell with a repository and a ref.
pub(in crate::report) fn place(change: &RefChange, page: &mut Markup) {
    page.raw("<td>").element("span", "", &shown(change.repository())).raw("<br>");
    page.element("span", "", &shown(change.name.as_bytes())).raw("</td>");
}

/// A table with these heads, whose rows `rows` writes.
pub(in crate::report) fn table(page: &mut Markup, caption: &str, heads: &[&str], rows: impl FnOnce(&mut Markup)) {
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
