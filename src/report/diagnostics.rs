//! Mistakes in an administrator's file, with the line and a caret.

use super::escaped;
use crate::document::{Problem, What};
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde_json::{Value, json};
use std::{ops::Range, path::Path};

/// A place in a source, both counted from one; columns are characters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// Which line.
    pub line: usize,
    /// Which character of it.
    pub column: usize,
}

/// Where a byte of the source is.
pub fn position(source: &str, offset: usize) -> Position {
    let before = source.get(..on_boundary(source, offset)).unwrap_or(source);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(start..).unwrap_or("").chars().count() + 1;
    Position { line: before.matches('\n').count() + 1, column }
}

/// Every problem with its line, for a terminal; ends in a newline.
pub fn rendered(path: &Path, source: &str, problems: &[Problem], coloured: bool) -> String {
    let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
    let path = escaped(&path.to_string_lossy());
    let mut text = String::new();
    for problem in problems {
        text.push_str(&render(&renderer, &path, source, problem));
        text.push_str("\n\n");
    }
    let count = problems.len();
    text.push_str(&match count {
        1 => format!("error: {path} has one mistake\n"),
        _ => format!("error: {path} has {count} mistakes\n"),
    });
    text
}

fn render(renderer: &Renderer, path: &str, source: &str, problem: &Problem) -> String {
    let title = escaped(&problem.what.to_string());
    let mut primary = AnnotationKind::Primary.span(within(source, &problem.place));
    if let Some(nearest) = problem.what.nearest() {
        primary = primary.label(format!("did you mean `{}`?", escaped(nearest)));
    }
    let mut snippet = Snippet::source(source).path(path).annotation(primary);
    if let What::Duplicate { first, .. } = &problem.what {
        snippet = snippet.annotation(AnnotationKind::Context.span(within(source, first)).label("first used here"));
    }
    renderer.render(&[Level::ERROR.primary_title(title).element(snippet)])
}

/// The same for programs.
pub fn json(path: &Path, source: &str, problems: &[Problem]) -> Vec<Value> {
    let describe = |problem: &Problem| {
        let Position { line, column } = position(source, problem.place.start);
        json!({
            "file": path.to_string_lossy(), "line": line, "column": column,
            "what": problem.what.to_string(), "nearest": problem.what.nearest(),
        })
    };
    problems.iter().map(describe).collect()
}

/// The place, or the nearest that a caret can stand at: of a place of several lines the first line.
fn within(source: &str, place: &Range<usize>) -> Range<usize> {
    let start = on_boundary(source, place.start);
    let end = on_boundary(source, place.end.max(start));
    let line = source.get(start..end).and_then(|text| text.find('\n'));
    start..line.map_or(end, |length| start + length)
}

fn on_boundary(source: &str, offset: usize) -> usize {
    let mut offset = offset.min(source.len());
    while !source.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_characters_are_counted_from_one() {
        let at = |offset| {
            let Position { line, column } = position("aü\nb", offset);
            (line, column)
        };
        assert_eq!([at(0), at(1), at(3), at(4), at(99)], [(1, 1), (1, 2), (1, 3), (2, 1), (2, 2)]);
        // Within a character.
        assert_eq!(at(2), (1, 2));
    }

    #[test]
    fn a_mistake_shows_its_line_a_caret_and_the_nearest_spelling() {
        let source = "version = 1\nnmae = 'x'\n";
        let what = What::UnknownKey { key: "nmae".into(), nearest: Some("name".into()) };
        let text = rendered(Path::new("policy.toml"), source, &[Problem { place: 12..16, what }], false);
        for part in ["error: unknown key `nmae`", "policy.toml:2:1", "nmae = 'x'", "^^^^", "did you mean `name`?"] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_place_of_any_kind_can_be_shown() {
        let source = "ü = 1\n[[rule]]\nname = 1";
        for place in [0..0, 1..2, 0..source.len(), 8..8, source.len()..source.len(), 90..99] {
            let problem = Problem { place, what: What::Missing { key: "name" } };
            assert!(rendered(Path::new("p"), source, &[problem], false).contains("`name` is missing"));
        }
        let problem = Problem { place: 0..0, what: What::Missing { key: "name" } };
        assert!(rendered(Path::new("p"), "", &[problem], true).contains("`name` is missing"));
    }

    #[test]
    fn nothing_acts_upon_the_terminal() {
        let source = "a = '\u{1b}[2J\u{202e}'\n";
        let what = What::NotOneOf { found: "\u{1b}[2J".into(), allowed: vec!["b"], nearest: None };
        let text = rendered(Path::new("p\u{1b}"), source, &[Problem { place: 4..10, what }], false);
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text:?}");
    }
}
