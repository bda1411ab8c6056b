//! Untrusted text on its way to a terminal.

use std::fmt::Write;

/// One line on which nothing acts upon the terminal: control characters, bidirectional controls, invisible characters and
/// line separators become `\u{…}` (Unicode TR 36, section 3; CVE-2021-42574).
pub fn escaped(line: &str) -> String {
    let mut safe = String::with_capacity(line.len());
    for character in line.chars() {
        if is_active(character) {
            // Writing to a string cannot fail.
            let _ = write!(safe, "\\u{{{:x}}}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

fn is_active(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_acts_upon_the_terminal() {
        assert_eq!(escaped("a\u{1b}[31mb\rc\nd\u{9b}"), "a\\u{1b}[31mb\\u{d}c\\u{a}d\\u{9b}");
        assert_eq!(escaped("x\u{202e}y\u{2066}z\u{200b}"), "x\\u{202e}y\\u{2066}z\\u{200b}");
    }

    #[test]
    fn ordinary_text_of_any_script_stays_as_it_is() {
        for text in ["Füße, 漢字, עברית", "`quoted` \"text\"", "\u{fffd}"] {
            assert_eq!(escaped(text), text);
        }
    }
}
