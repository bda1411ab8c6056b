//! Small panels of time over size, both logarithmic, as one SVG file: no script, the reader's fonts, and colours for light and
//! for dark.

use crate::curve::{Line, Panel};
use std::fmt::Write as _;

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 246.0;
const COLUMNS: usize = 3;
/// The room around a panel's lines.
const LEFT: f64 = 52.0;
const RIGHT: f64 = 30.0;
const TOP: f64 = 66.0;
const BOTTOM: f64 = 30.0;

const STYLE: &str = "<style>
.ground { fill: #ffffff }
text { font: 11px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 13px; font-weight: 600 }
.grid { stroke: #d1d9e0; stroke-width: 1 }
.line { fill: none; stroke-width: 2 }
.whole { stroke-width: 1; stroke-dasharray: 3 3 }
.first { stroke: #0969da; fill: #0969da }
.second { stroke: #bc4c00; fill: #bc4c00 }
.end { text-anchor: end }
.middle { text-anchor: middle }
text.first, text.second { stroke: none }
path { fill: none !important }
@media (prefers-color-scheme: dark) {
.ground { fill: #0d1117 }
text { fill: #e6edf3 }
.grid { stroke: #3d444d }
.first { stroke: #4493f8; fill: #4493f8 }
.second { stroke: #f0883e; fill: #f0883e }
}
</style>
";

pub fn svg(panels: &[Panel]) -> String {
    let rows = panels.len().div_ceil(COLUMNS);
    let (width, height) = (WIDTH * COLUMNS as f64, HEIGHT * rows as f64 + 24.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"What the hook costs over six sizes\">\n{STYLE}\
         <rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>\n"
    );
    for (number, panel) in panels.iter().enumerate() {
        let (x, y) = ((number % COLUMNS) as f64 * WIDTH, (number / COLUMNS) as f64 * HEIGHT);
        writeln!(svg, "<g transform=\"translate({x} {y})\">").unwrap();
        draw(panel, &mut svg);
        svg.push_str("</g>\n");
    }
    let key = height - 10.0;
    writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{key}\">line: processor time of the hook; dashes: from its start to its end</text>"
    )
    .unwrap();
    svg.push_str("</svg>\n");
    svg
}

fn draw(panel: &Panel, svg: &mut String) {
    let points = || panel.lines.iter().flat_map(|line| &line.points);
    let exponent = |value: f64| value.log10();
    let from_x = points().map(|point| point.x).min().unwrap() as f64;
    let to_x = points().map(|point| point.x).max().unwrap() as f64;
    // All panels begin at a millisecond, and flat ones have the same height.
    let highest = points().map(|point| point.cost.elapsed.max(point.cost.processor)).fold(0.1, f64::max);
    let (from_y, to_y) = (-3.0, exponent(highest).ceil());
    let x = |value: f64| {
        LEFT + (exponent(value) - exponent(from_x)) / (exponent(to_x) - exponent(from_x)) * (WIDTH - LEFT - RIGHT)
    };
    let y = |seconds: f64| TOP + (to_y - exponent(seconds).max(from_y)) / (to_y - from_y) * (HEIGHT - TOP - BOTTOM);
    writeln!(svg, "<text class=\"title\" x=\"{LEFT}\" y=\"20\">{}</text>", panel.what).unwrap();
    for (number, line) in panel.lines.iter().enumerate().filter(|_| panel.lines.len() > 1) {
        let (class, at) = (class(number), 36.0 + 16.0 * number as f64);
        writeln!(svg, "<text class=\"{class}\" x=\"{LEFT}\" y=\"{at}\">{}</text>", line.name).unwrap();
    }
    let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
    for power in from_y as i32..=to_y as i32 {
        let (seconds, label) = (10_f64.powi(power), seconds(power));
        let at = y(seconds);
        writeln!(svg, "<path class=\"grid\" d=\"M{LEFT} {at:.1}H{right}\"/>").unwrap();
        writeln!(svg, "<text class=\"end\" x=\"{:.0}\" y=\"{:.1}\">{label}</text>", LEFT - 6.0, at + 4.0).unwrap();
    }
    for power in exponent(from_x).ceil() as i32..=exponent(to_x).floor() as i32 {
        let at = x(10_f64.powi(power));
        writeln!(svg, "<path class=\"grid\" d=\"M{at:.1} {TOP}V{bottom}\"/>").unwrap();
        writeln!(svg, "<text class=\"middle\" x=\"{at:.1}\" y=\"{:.0}\">{}</text>", bottom + 16.0, count(power))
            .unwrap();
    }
    for (number, line) in panel.lines.iter().enumerate() {
        let path = |of: fn(&crate::cost::Cost) -> f64| path(line, &|at| x(at as f64), &|cost| y(of(cost)));
        let class = class(number);
        writeln!(svg, "<path class=\"line whole {class}\" d=\"{}\"/>", path(|cost| cost.elapsed)).unwrap();
        writeln!(svg, "<path class=\"line {class}\" d=\"{}\"/>", path(|cost| cost.processor)).unwrap();
        for point in &line.points {
            let (x, y) = (x(point.x as f64), y(point.cost.processor));
            writeln!(svg, "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\"/>").unwrap();
        }
    }
}

fn path(line: &Line, x: &dyn Fn(usize) -> f64, y: &dyn Fn(&crate::cost::Cost) -> f64) -> String {
    let points = line.points.iter().map(|point| format!("{:.1} {:.1}", x(point.x), y(&point.cost)));
    format!("M{}", points.collect::<Vec<_>>().join("L"))
}

fn class(number: usize) -> &'static str {
    if number == 0 { "first" } else { "second" }
}

fn seconds(power: i32) -> String {
    match power {
        ..0 => format!("{} ms", 10_i32.pow((power + 3) as u32)),
        _ => format!("{} s", 10_i32.pow(power as u32)),
    }
}

fn count(power: i32) -> &'static str {
    ["1", "10", "100", "1k", "10k", "100k", "1M"][power as usize]
}

/// With three digits that say something.
pub fn milliseconds(seconds: f64) -> String {
    let milliseconds = seconds * 1e3;
    match milliseconds {
        ..10.0 => format!("{milliseconds:.2}"),
        ..100.0 => format!("{milliseconds:.1}"),
        _ => format!("{milliseconds:.0}"),
    }
}
