//! The trailers of a commit message, read as git reads them (git-interpret-trailers(1); git's trailer.c) without
//! configuration: the comment character is `#`, the separator `:`, and a line `---` ends nothing.

/// A `Key: value` line in the last paragraph of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trailer<'a> {
    /// As written; compared without regard to case.
    pub key: &'a [u8],
    /// Trimmed, its continuation lines joined by a space.
    pub value: Vec<u8>,
}

/// What git begins a trailer of its own with (trailer.c, `git_generated_prefixes`). A block with one of these may hold
/// other lines, too.
const GENERATED: [&[u8]; 2] = [b"Signed-off-by: ", b"(cherry picked from commit "];
/// Below this line is what git itself cuts off (wt-status.c, `wt_status_locate_end`).
const CUT_LINE: &[u8] = b"# ------------------------ >8 ------------------------\n";

/// The trailers in their order.
pub fn trailers(message: &[u8]) -> Vec<Trailer<'_>> {
    let lines: Vec<&[u8]> = message.split_inclusive(|&byte| byte == b'\n').collect();
    let lines = lines.get(..end_of_message(&lines)).unwrap_or_default();
    let mut found: Vec<Trailer<'_>> = Vec::new();
    let mut continues = false;
    for line in block(lines) {
        if continues && begins_with_space(line) {
            if let Some(last) = found.last_mut() {
                let more = line.trim_ascii();
                if !more.is_empty() {
                    if !last.value.is_empty() {
                        last.value.push(b' ');
                    }
                    last.value.extend_from_slice(more);
                }
            }
            continue;
        }
        let parts = separator(line).and_then(|at| line.split_at_checked(at));
        continues = parts.is_some();
        if let Some((key, value)) = parts {
            let value = value.get(1..).unwrap_or_default().trim_ascii().to_vec();
            found.push(Trailer { key: key.trim_ascii(), value });
        }
    }
    found
}

/// How many lines come before the comments and blank lines at the end (commit.c, `ignored_log_message_bytes`).
fn end_of_message(lines: &[&[u8]]) -> usize {
    let cutoff = lines.iter().position(|line| *line == CUT_LINE).unwrap_or(lines.len());
    let (mut ignored, mut in_conflicts) = (None, false);
    for (at, line) in lines.iter().enumerate().take(cutoff) {
        if is_comment(line) || *line == b"\n" {
            ignored = ignored.filter(|&first| first > 0).or(Some(at));
        } else if *line == b"Conflicts:\n" {
            in_conflicts = true;
            ignored = ignored.filter(|&first| first > 0).or(Some(at));
        } else if !(in_conflicts && line.starts_with(b"\t")) {
            (ignored, in_conflicts) = (None, false);
        }
    }
    // The beginning of the message is no end of it: git counts from the first byte on and takes 0 for none.
    ignored.filter(|&at| at > 0).unwrap_or(cutoff)
}

/// The lines of the last paragraph, if all of them are trailers, or one of them is git's own and a quarter are trailers;
/// never the first paragraph (trailer.c, `find_trailer_block_start`).
fn block<'l, 'a>(lines: &'l [&'a [u8]]) -> &'l [&'a [u8]] {
    let Some(end_of_title) = lines.iter().position(|line| !is_comment(line) && is_blank(line)) else { return &[] };
    let (mut only_blank, mut generated) = (true, false);
    let (mut trailers, mut others, mut continuations) = (0_usize, 0_usize, 0_usize);
    for (at, line) in lines.iter().enumerate().skip(end_of_title).rev() {
        if is_comment(line) {
            others += std::mem::take(&mut continuations);
        } else if is_blank(line) {
            if only_blank {
                continue;
            }
            others += continuations;
            let enough = (generated && trailers.saturating_mul(3) >= others) || (trailers > 0 && others == 0);
            return if enough { lines.get(at + 1..).unwrap_or_default() } else { &[] };
        } else {
            only_blank = false;
            let is_generated = GENERATED.iter().any(|prefix| line.starts_with(prefix));
            if is_generated || (separator(line).is_some() && !begins_with_space(line)) {
                generated |= is_generated;
                trailers += 1;
                continuations = 0;
            } else if begins_with_space(line) {
                continuations += 1;
            } else {
                others += 1 + std::mem::take(&mut continuations);
            }
        }
    }
    &[]
}

/// Where the `:` stands after a key of letters, digits and `-`, and white space (trailer.c, `find_separator`).
fn separator(line: &[u8]) -> Option<usize> {
    let mut spaced = false;
    for (at, &byte) in line.iter().enumerate() {
        match byte {
            b':' => return (at > 0).then_some(at),
            b' ' | b'\t' if at > 0 => spaced = true,
            byte if !spaced && (byte.is_ascii_alphanumeric() || byte == b'-') => {}
            _ => return None,
        }
    }
    None
}

fn is_comment(line: &[u8]) -> bool {
    line.starts_with(b"#")
}

fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| b" \t\r\n".contains(byte))
}

fn begins_with_space(line: &[u8]) -> bool {
    line.first().is_some_and(|byte| b" \t\r\n".contains(byte))
}

/// The one email in a value such as `Alice Example <alice@example.com>`; `None` where two readers could read two.
pub fn email_of(value: &[u8]) -> Option<&[u8]> {
    let inner = value.strip_suffix(b">")?;
    let at = inner.iter().position(|&byte| byte == b'<')?;
    let email = inner.get(at + 1..)?;
    (!email.iter().any(|byte| b"<>".contains(byte))).then_some(email)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: &str) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        trailers(message.as_bytes()).iter().map(|found| (text(found.key), text(&found.value))).collect()
    }

    #[test]
    fn trailers_are_in_the_last_paragraph_and_never_in_the_subject() {
        let sign_off = "Signed-off-by: Alice <a@x>";
        let one = [("Signed-off-by".to_owned(), "Alice <a@x>".to_owned())];
        assert_eq!(read(&format!("Subject\n\n{sign_off}\n")), one);
        assert_eq!(read(&format!("Subject\n\nBody\n\n{sign_off}")), one);
        assert_eq!(read(&format!("Subject\n\nSome words beside it\n{sign_off}\n")), one);
        assert_eq!(read(&format!("Subject\n\n{sign_off}\n\n# comment\n\n")), one);
        assert_eq!(read("Subject\n\nSigned-off-by: Alice\n\t<a@x>\n"), one);
        assert_eq!(read(&format!("{sign_off}\n")), []);
        assert_eq!(read(&format!("Subject\n{sign_off}\n")), []);
        assert_eq!(read(&format!("Subject\n\n{sign_off}\n\nAnd more words\n")), []);
        assert_eq!(read(&format!("Subject\n\n  {sign_off}\n")), []);
        assert_eq!(read("Subject\n\nReviewed-by: Bob\nwords\n"), []);
        assert_eq!(read(""), []);
    }

    #[test]
    fn an_email_is_read_where_there_is_one_alone() {
        assert_eq!(email_of(b"Alice <a@x>"), Some(&b"a@x"[..]));
        assert_eq!(email_of(b"<a@x>"), Some(&b"a@x"[..]));
        for value in ["a@x", "Alice <a@x> (work)", "Alice <b@x> <a@x>", "Alice <<a@x>", "Alice a@x>"] {
            assert_eq!(email_of(value.as_bytes()), None, "{value}");
        }
    }
}
