//! The period as a picture: emergencies with the time until each was reviewed, what was refused, what moved without a record,
//! and when rules protected less. All of it stands in the tables, too.

use super::{Markup, Register, Standing, class, lax, safe};
use crate::push::Timestamp;
use jiff::{ToSpan, civil::Date, tz::TimeZone};
use std::fmt::Write;

/// Of the picture, in its own units.
const WIDTH: i64 = 1000;
/// Where the time begins; before it stand the names of the lanes.
const LEFT: i64 = 120;
const RIGHT: i64 = 985;
const ROW: i64 = 22;
const TOP: i64 = 30;
/// What a character of a label takes at most.
const CHARACTER: i64 = 7;
/// Longer labels are cut: the tables have them whole.
const LABEL: usize = 26;
/// Rows of one lane; what does not fit into them stands in the tables alone.
const ROWS: usize = 40;

/// Something that has a place in time.
struct Mark {
    from: Timestamp,
    /// `None` of a moment.
    to: Option<Timestamp>,
    class: &'static str,
    label: String,
    title: String,
    link: Option<u64>,
    shape: Shape,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Filled,
    Hollow,
    Diamond,
    Cross,
    Bar,
}

/// Where a moment is.
struct Scale {
    from: i64,
    to: i64,
}

pub(super) fn timeline(register: &Register, page: &mut Markup) {
    let (from, to) = register.span();
    let scale = Scale { from: from.0, to: to.0.max(from.0.saturating_add(1)) };
    let lanes = [
        ("Emergencies", uses(register, to)),
        ("Refused", moments(register.attempts.iter().map(|one| (one.record, "mute", Shape::Cross)))),
        ("No record", moments(register.moves.iter().map(|one| (one.record, "due", Shape::Diamond)))),
        ("Less protected", periods(register, to)),
    ];
    let mut body = String::new();
    let (mut top, mut left_out) = (TOP, 0);
    for (name, marks) in lanes.into_iter().filter(|(_, marks)| !marks.is_empty()) {
        let (rows, more) = placed(marks, &scale);
        left_out += more;
        // Writing to a string cannot fail.
        let _ = writeln!(body, "<text class=\"lane\" x=\"0\" y=\"{}\">{name}</text>", top + 15);
        for (at, row) in rows.iter().enumerate() {
            let middle = top + ROW * i64::try_from(at).unwrap_or_default() + 11;
            row.iter().for_each(|mark| draw(mark, middle, &scale, &mut body));
        }
        top += ROW * i64::try_from(rows.len()).unwrap_or_default() + 10;
        let _ = writeln!(body, "<line class=\"grid\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{0}\" y2=\"{0}\"/>", top - 5);
    }
    if body.is_empty() {
        return;
    }
    page.raw("<h2 id=\"timeline\">Timeline</h2>\n<figure class=\"card\" aria-labelledby=\"timeline\">\n");
    page.raw(&format!(
        "<svg viewBox=\"0 0 {WIDTH} {top}\" role=\"img\" aria-label=\"{}\">\n",
        safe(&format!(
            "The period as a picture. {} emergencies; all of it stands in the tables below",
            register.uses.len()
        ))
    ));
    page.raw(&ticks(&scale, top)).raw(&body).raw("</svg>\n<figcaption>");
    page.raw("Emergencies: a filled circle was reviewed, and its line leads to when; a hollow one is still to be reviewed, a ");
    page.raw("diamond should have been. A cross was refused, or not done by git.");
    if left_out > 0 {
        page.raw(&format!(" {left_out} more stand in the tables alone."));
    }
    page.raw("</figcaption>\n</figure>\n");
}

fn uses(register: &Register, end: Timestamp) -> Vec<Mark> {
    let uses = register.uses.iter().map(|one| {
        let standing = one.standing();
        let reviewed =
            one.waivers.iter().flat_map(|waiver| waiver.reviews.first()).map(|(record, _)| record.time).max();
        let due = one.waivers.iter().map(|waiver| waiver.emergency.due).max();
        let (to, shape) = match standing {
            Standing::NotDone => (None, Shape::Cross),
            Standing::Approved => (None, Shape::Filled),
            Standing::Reviewed | Standing::ReviewedLate => (reviewed, Shape::Filled),
            Standing::Due => (due, Shape::Hollow),
            Standing::Overdue => (Some(end), Shape::Diamond),
        };
        let ticket = one.claims().first().map(|(ticket, _)| super::shown(ticket)).unwrap_or_default();
        Mark {
            from: one.record.time,
            to: to.map(|to| to.min(end).max(one.record.time)),
            class: class(standing),
            label: format!("{} {ticket}", one.record.number),
            title: format!(
                "record {}, {}: {}",
                one.record.number,
                super::super::spoken(one.record.time),
                standing.described()
            ),
            link: Some(one.record.number),
            shape,
        }
    });
    uses.collect()
}

fn moments(records: impl Iterator<Item = (super::super::Moment, &'static str, Shape)>) -> Vec<Mark> {
    let marks = records.map(|(record, class, shape)| Mark {
        from: record.time,
        to: None,
        class,
        label: String::new(),
        title: format!("record {}, {}", record.number, super::super::spoken(record.time)),
        link: None,
        shape,
    });
    marks.collect()
}

fn periods(register: &Register, end: Timestamp) -> Vec<Mark> {
    let periods = register.periods.iter().map(|period| Mark {
        from: period.from.time,
        to: Some(period.until.map_or(end, |(until, _)| until.min(end))),
        class: lax(period.how),
        label: format!("{}: {}", period.rule.as_deref().unwrap_or("policy"), period.how.described()),
        title: period.what.clone(),
        link: None,
        shape: Shape::Bar,
    });
    periods.collect()
}

/// The marks in rows, in which none covers another, and how many had no room.
fn placed(mut marks: Vec<Mark>, scale: &Scale) -> (Vec<Vec<Mark>>, usize) {
    marks.sort_by_key(|mark| mark.from);
    let (mut rows, mut ends, mut left_out): (Vec<Vec<Mark>>, Vec<i64>, usize) = (Vec::new(), Vec::new(), 0);
    for mark in marks {
        let (start, end) = mark.extent(scale);
        match ends.iter().position(|free| *free <= start) {
            Some(at) => {
                if let (Some(row), Some(free)) = (rows.get_mut(at), ends.get_mut(at)) {
                    row.push(mark);
                    *free = end;
                }
            }
            None if rows.len() < ROWS => {
                rows.push(vec![mark]);
                ends.push(end);
            }
            None => left_out += 1,
        }
    }
    (rows, left_out)
}

impl Mark {
    /// From where to where it reaches with its label.
    fn extent(&self, scale: &Scale) -> (i64, i64) {
        let (start, end) = (scale.x(self.from), scale.x(self.to.unwrap_or(self.from)));
        // A moment without a label may stand close to the next.
        let room = if self.label.is_empty() { 0 } else { self.label_width() + 12 };
        if self.is_before_label(scale) { (start - 8, end + room + 8) } else { (start - room - 8, end + 8) }
    }

    fn label_width(&self) -> i64 {
        i64::try_from(self.label.chars().count().min(LABEL)).unwrap_or_default() * CHARACTER
    }

    /// Whether there is room for the label behind it.
    fn is_before_label(&self, scale: &Scale) -> bool {
        scale.x(self.to.unwrap_or(self.from)) + self.label_width() + 12 <= WIDTH
    }
}

fn draw(mark: &Mark, y: i64, scale: &Scale, body: &mut String) {
    let (x, end, class) = (scale.x(mark.from), scale.x(mark.to.unwrap_or(mark.from)), mark.class);
    let _ = write!(body, "<g><title>{}</title>", safe(&mark.title));
    if mark.shape != Shape::Bar && end > x {
        let _ = write!(body, "<line class=\"{class}\" x1=\"{x}\" x2=\"{end}\" y1=\"{y}\" y2=\"{y}\"/>");
    }
    let _ = match mark.shape {
        Shape::Filled => write!(body, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"5\"/>"),
        Shape::Hollow => write!(
            body,
            "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"5\" style=\"fill:var(--card)\" stroke-width=\"2\"/>"
        ),
        Shape::Diamond => {
            write!(body, "<path class=\"{class}\" d=\"M{} {y}l6 -6 6 6 -6 6z\"/>", x - 6)
        }
        Shape::Cross => {
            write!(body, "<path class=\"{class}\" d=\"M{0} {1}l8 8m0 -8l-8 8\" stroke-width=\"2\"/>", x - 4, y - 4)
        }
        Shape::Bar => write!(
            body,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{}\" width=\"{}\" height=\"10\" rx=\"2\" fill-opacity=\".35\"/>",
            y - 5,
            (end - x).max(3)
        ),
    };
    if !mark.label.is_empty() {
        let mut label: String = mark.label.chars().take(LABEL).collect();
        if label.len() < mark.label.len() {
            label.push('…');
        }
        let (at, anchor) = if mark.is_before_label(scale) { (end.max(x) + 10, "start") } else { (x - 10, "end") };
        let text = format!("<text x=\"{at}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>", y + 4, safe(&label));
        let _ = match mark.link {
            Some(number) => write!(body, "<a href=\"#record-{number}\">{text}</a>"),
            None => write!(body, "{text}"),
        };
    }
    body.push_str("</g>\n");
}

impl Scale {
    /// Within the picture, also for what begins before it or ends after it.
    fn x(&self, time: Timestamp) -> i64 {
        let (span, since) = (i128::from(self.to) - i128::from(self.from), i128::from(time.0) - i128::from(self.from));
        let x = since * i128::from(RIGHT - LEFT) / span.max(1);
        LEFT + i64::try_from(x.clamp(0, i128::from(RIGHT - LEFT))).unwrap_or_default()
    }
}

/// Lines at the beginnings of hours, days, weeks, months or years, whichever are neither too close nor too far apart.
fn ticks(scale: &Scale, bottom: i64) -> String {
    let mut lines = String::new();
    for (time, label) in moments_between(scale) {
        let x = scale.x(time);
        let _ = writeln!(
            lines,
            "<line class=\"grid\" x1=\"{x}\" x2=\"{x}\" y1=\"20\" y2=\"{}\"/><text x=\"{x}\" y=\"14\" text-anchor=\"middle\">{label}</text>",
            bottom - 5
        );
    }
    lines
}

fn moments_between(scale: &Scale) -> Vec<(Timestamp, String)> {
    const HOUR: i64 = 3600;
    const DAY: i64 = 24 * HOUR;
    /// As many labels have room beside one another.
    const MOST: i64 = 10;
    let span = scale.to.saturating_sub(scale.from);
    let step = [HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY].into_iter().find(|step| span / step < MOST);
    if let Some(step) = step {
        let first = scale.from.div_euclid(step).saturating_add(1).saturating_mul(step);
        let times =
            (0..=MOST).map(|at| Timestamp(first.saturating_add(at * step))).take_while(|time| time.0 <= scale.to);
        let form = if step < DAY { "%d %b %H:%M" } else { "%d %b %Y" };
        return times.filter_map(|time| Some((time, stamp(time)?.strftime(form).to_string()))).collect();
    }
    let months = (1..).find(|months| span / (*months * 30 * DAY) < MOST).unwrap_or(1);
    let months = [1, 2, 3, 6, 12].into_iter().find(|step| *step >= months).unwrap_or(months / 12 * 12 + 12);
    let Some(start) = stamp(Timestamp(scale.from)) else { return Vec::new() };
    let start = TimeZone::UTC.to_datetime(start).date();
    let Ok(mut date) = Date::new(start.year(), 1, 1) else { return Vec::new() };
    let mut found = Vec::new();
    while let Ok(midnight) = date.to_zoned_datetime(TimeZone::UTC) {
        let time = Timestamp(midnight.timestamp().as_second());
        if time.0 > scale.to {
            break;
        }
        if time.0 >= scale.from {
            found.push((time, midnight.strftime("%b %Y").to_string()));
        }
        let Ok(next) = date.checked_add(months.months()) else { break };
        date = next;
    }
    found
}

fn stamp(time: Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::from_second(time.0).ok()
}
