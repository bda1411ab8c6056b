//! Globs over full ref names, repository names and paths, matched on bytes and anchored at both ends.
//!
//! `*`, `?` and `[..]` stay within one component, `**` crosses them, `{a,b}` is either; `\` takes the next character as
//! it stands.

use crate::{
    bounds::Bounds,
    document::{Reader, Value, What},
    push::RefName,
};
use globset::{Candidate, GlobBuilder, GlobSet};
use std::collections::BTreeSet;

/// The name that stands for the default branch; no ref below `refs/` has it.
pub const DEFAULT_BRANCH: &str = "HEAD";

/// A list of globs; matches what one of them matches.
#[derive(Debug)]
pub struct Globs {
    written: Vec<String>,
    set: GlobSet,
    /// `HEAD` is among them.
    default_branch: bool,
}

impl Globs {
    /// Reads a list of globs over full ref names, in which `HEAD` is the default branch.
    pub fn read_refs_or_head(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        Self::read(value, reader, check_ref)
    }

    /// Reads a list of globs over repository names.
    pub fn read_names(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        Self::read(value, reader, |text| match text.ends_with(".git") || text.starts_with('/') {
            true => Err("a repository's name has neither a `/` in front nor `.git` at the end".into()),
            false => Ok(()),
        })
    }

    /// The same, where upper and lower case are one: the server finds a repository by a name of any case, and passes it on as
    /// the client wrote it.
    pub fn read_names_of_any_case(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let mut globs = Self::read_names(value, reader)?;
        let mut builder = GlobSet::builder();
        for text in &globs.written {
            match GlobBuilder::new(text).literal_separator(true).case_insensitive(true).build() {
                Ok(glob) => drop(builder.add(glob)),
                Err(error) => reader.problem(value.span(), What::Pattern(error.kind().to_string())),
            }
        }
        match builder.build() {
            Ok(set) => globs.set = set,
            Err(error) => reader.problem(value.span(), What::Pattern(error.kind().to_string())),
        }
        Some(globs)
    }

    /// Reads a list of globs over paths in a tree, which are never folders: `x/**` also matches `x`, or a symbolic link
    /// put in a folder's place would be none of what the glob covers.
    pub fn read_paths(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let mut globs = Self::read(value, reader, check_path)?;
        let mut builder = GlobSet::builder();
        for text in &globs.written {
            let itself = without_all_below(text);
            // What was compiled above compiles again, and without its end, too.
            for text in [text, &itself] {
                match compile(text) {
                    Ok(glob) => drop(builder.add(glob)),
                    Err(why) => reader.problem(value.span(), What::Pattern(why)),
                }
            }
        }
        match builder.build() {
            Ok(set) => globs.set = set,
            Err(error) => reader.problem(value.span(), What::Pattern(error.kind().to_string())),
        }
        Some(globs)
    }

    fn read(value: &Value<'_>, reader: &mut Reader<'_>, check: impl Fn(&str) -> Result<(), String>) -> Option<Self> {
        let written = reader.list(value, |value, reader| {
            let text = reader.text(value)?;
            match check(text).and_then(|()| compile(text)) {
                Ok(glob) => Some((text.to_owned(), glob)),
                Err(why) => {
                    reader.problem(value.span(), What::Pattern(why));
                    None
                }
            }
        })?;
        if written.is_empty() {
            reader.problem(value.span(), What::Pattern("an empty list matches nothing".into()));
            return None;
        }
        let mut builder = GlobSet::builder();
        let (mut texts, mut default_branch) = (Vec::new(), false);
        for (text, glob) in written {
            match text == DEFAULT_BRANCH {
                true => default_branch = true,
                false => drop(builder.add(glob)),
            }
            texts.push(text);
        }
        match builder.build() {
            Ok(set) => Some(Self { written: texts, set, default_branch }),
            Err(error) => {
                reader.problem(value.span(), What::Pattern(error.kind().to_string()));
                None
            }
        }
    }

    /// Whether one of the globs matches the whole name.
    pub fn matches(&self, name: &[u8]) -> bool {
        self.set.is_match_candidate(&Candidate::from_bytes(name))
    }

    /// The same, where `HEAD` may stand for a branch.
    pub fn matches_ref(&self, name: &[u8], default_branch: Option<&[u8]>) -> bool {
        (self.default_branch && default_branch == Some(name)) || self.matches(name)
    }

    /// Whether one of them begins with this text, letter for letter.
    pub fn begin_literally(&self, start: &str) -> bool {
        self.written.iter().any(|glob| glob.starts_with(start))
    }

    /// Whether one of them may match a name that begins so.
    pub fn may_begin(&self, start: &str) -> bool {
        self.written.iter().any(|glob| {
            let literal = literal_start(glob);
            literal.starts_with(start) || start.starts_with(literal)
        })
    }

    /// As in the policy.
    pub fn written(&self) -> BTreeSet<String> {
        self.written.iter().cloned().collect()
    }

    /// Whether one of them is written twice.
    pub fn repeats(&self) -> bool {
        self.written().len() < self.written.len()
    }

    /// As in the policy, for sentences: `` `a` or `b` ``.
    pub fn described(&self) -> String {
        let quoted: Vec<_> = self.written.iter().map(|glob| format!("`{glob}`")).collect();
        quoted.join(" or ")
    }
}

fn compile(text: &str) -> Result<globset::Glob, String> {
    if text.len() > Bounds::GLOB {
        return Err(format!("this is longer than {} bytes", Bounds::GLOB));
    }
    GlobBuilder::new(text).literal_separator(true).build().map_err(|error| format!("no glob: {}", error.kind()))
}

/// What stands before the first character that means something else.
fn literal_start(glob: &str) -> &str {
    glob.find(['*', '?', '[', '{', '\\']).and_then(|end| glob.get(..end)).unwrap_or(glob)
}

/// A pattern that can match no path is a mistake, and it would protect nothing.
fn check_path(text: &str) -> Result<(), String> {
    if text.starts_with('/') || text.starts_with("./") {
        return Err("a path begins at the root of the tree, without a `/` or `./` in front".into());
    }
    if let Some(folder) = text.strip_suffix('/') {
        return Err(format!("no path ends in `/`; write `{folder}/**` for all that is below"));
    }
    let odd = |component: &str| ["", ".", ".."].contains(&component);
    match !text.contains(['[', '\\', '{']) && text.split('/').any(odd) {
        true => Err("no path has an empty component, nor `.` or `..`".into()),
        false => Ok(()),
    }
}

/// The glob without each `/**` that stands at its end, also within braces: `{a/**,b}` becomes `{a,b}`.
fn without_all_below(glob: &str) -> String {
    let (mut kept, mut rest, mut braces, mut class) = (String::new(), glob, 0_usize, false);
    while let Some(character) = rest.chars().next() {
        let after = rest.get(character.len_utf8()..).unwrap_or_default();
        if !class
            && let Some(below) = rest.strip_prefix("/**")
            && is_end(below, braces)
        {
            rest = below;
            continue;
        }
        kept.push(character);
        rest = after;
        match character {
            '\\' => {
                if let Some(escaped) = rest.chars().next() {
                    kept.push(escaped);
                    rest = rest.get(escaped.len_utf8()..).unwrap_or_default();
                }
            }
            '[' if !class => {
                class = true;
                // As the first of a class, `]` is one of its characters.
                for first in ["!", "^", "]"] {
                    if let Some(after) = rest.strip_prefix(first) {
                        kept.push_str(first);
                        rest = after;
                    }
                }
            }
            ']' if class => class = false,
            '{' if !class => braces += 1,
            '}' if !class => braces = braces.saturating_sub(1),
            _ => {}
        }
    }
    kept
}

/// Whether nothing of a path follows, so many braces deep: other alternatives do not.
fn is_end(mut rest: &str, braces: usize) -> bool {
    while let Some(below) = rest.strip_prefix("/**") {
        rest = below;
    }
    let (mut depth, mut skipping, mut characters) = (braces, None, rest.chars());
    while let Some(character) = characters.next() {
        match (character, skipping) {
            ('\\', Some(_)) => drop(characters.next()),
            ('{', Some(_)) => depth += 1,
            ('}', Some(level)) => {
                if depth == level {
                    skipping = None;
                }
                depth = depth.saturating_sub(1);
            }
            (_, Some(_)) => {}
            (',', None) if depth > 0 => skipping = Some(depth),
            ('}', None) if depth > 0 => depth -= 1,
            (_, None) => return false,
        }
    }
    true
}

/// A pattern that can match no full name is a mistake, and it would protect nothing.
fn check_ref(text: &str) -> Result<(), String> {
    if text == DEFAULT_BRANCH {
        return Ok(());
    }
    // What no name has (git-check-ref-format(1)): such a pattern is another language's, or has a slip in it.
    if let Some(never) = [" ", "~", ":", "..", "//", "/."].into_iter().find(|never| text.contains(never)) {
        return Err(format!("`{text}` would match nothing: no ref's name has `{never}` in it"));
    }
    let start = literal_start(text);
    let full = match start == text {
        true => RefName::new(text.as_bytes()).is_some(),
        false => start.starts_with("refs/") || "refs/".starts_with(start),
    };
    if full {
        return Ok(());
    }
    let meant = ["refs/heads/", "refs/tags/"].into_iter().find_map(|below| {
        let meant = format!("{below}{text}");
        (RefName::new(meant.as_bytes()).is_some() && !text.starts_with("refs/")).then_some(meant)
    });
    Err(match meant {
        Some(meant) => format!("`{text}` is no full ref name, and would match nothing; write `{meant}`"),
        None => format!("`{text}` can match no full ref name"),
    })
}

#[cfg(test)]
mod tests;
