//! What is wrong with a file, and where.

use std::{fmt, ops::Range};

/// One mistake.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The bytes of the source that it is about; may be empty.
    pub place: Range<usize>,
    /// What is wrong. Its sentence may quote the source: escape it on the way to a terminal.
    pub what: What,
}

/// A kind of mistake. `Display` says it in one sentence, lower case, names in backticks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// No TOML; the parser's words.
    Syntax(String),
    /// Not parsed at all.
    TooLarge {
        /// In bytes.
        size: usize,
        /// In bytes.
        largest: usize,
    },
    /// A key that means nothing here.
    UnknownKey {
        /// As written.
        key: String,
        /// The allowed key that it resembles.
        nearest: Option<String>,
    },
    /// A key or value whose meaning is defined, but not by this version.
    NotSupported {
        /// As written.
        key: String,
    },
    /// A key that has to be there is not.
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A value of another type.
    WrongType {
        /// With its article: "a string".
        wanted: &'static str,
        /// With its article.
        found: &'static str,
    },
    /// A string that is none of those allowed.
    NotOneOf {
        /// As written.
        found: String,
        /// Every allowed one.
        allowed: Vec<&'static str>,
        /// The allowed one that it resembles.
        nearest: Option<String>,
    },
    /// A value of the right type that cannot be taken.
    OutOfRange {
        /// As written.
        found: String,
        /// What it has to be, with its article.
        wanted: String,
    },
    /// `@name` without such a group.
    UnknownGroup {
        /// Without `@`.
        name: String,
        /// The group that it resembles.
        nearest: Option<String>,
    },
    /// A group that is among its own members.
    GroupInItself {
        /// From the group back to itself, both ends included.
        path: Vec<String>,
    },
    /// A glob or regular expression that does not compile, or could never match.
    Pattern(String),
    /// Something that has to be unique is there twice.
    Duplicate {
        /// What sort of thing: "rule name".
        sort: &'static str,
        /// As written.
        name: String,
        /// Where it is for the first time.
        first: Range<usize>,
    },
    /// Anything else, in words.
    Other(String),
}

impl What {
    /// The valid spelling that was probably meant.
    pub fn nearest(&self) -> Option<&str> {
        match self {
            Self::UnknownKey { nearest, .. } | Self::NotOneOf { nearest, .. } => nearest.as_deref(),
            Self::UnknownGroup { nearest, .. } => nearest.as_deref(),
            Self::Syntax(_)
            | Self::TooLarge { .. }
            | Self::NotSupported { .. }
            | Self::Missing { .. }
            | Self::WrongType { .. }
            | Self::OutOfRange { .. }
            | Self::GroupInItself { .. }
            | Self::Pattern(_)
            | Self::Duplicate { .. }
            | Self::Other(_) => None,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(words) | Self::Pattern(words) | Self::Other(words) => f.write_str(words),
            Self::TooLarge { size, largest } => write!(f, "the file has {size} bytes, and may have {largest}"),
            Self::UnknownKey { key, .. } => write!(f, "unknown key `{key}`"),
            Self::NotSupported { key } => write!(f, "this version does not support `{key}`"),
            Self::Missing { key } => write!(f, "`{key}` is missing"),
            Self::WrongType { wanted, found } => write!(f, "this has to be {wanted}, and is {found}"),
            Self::NotOneOf { found, allowed, .. } => {
                write!(f, "`{found}` is not one of `{}`", allowed.join("`, `"))
            }
            Self::OutOfRange { found, wanted } => write!(f, "`{found}` is not {wanted}"),
            Self::UnknownGroup { name, .. } => write!(f, "there is no group `{name}`"),
            Self::GroupInItself { path } => {
                let name = path.first().map_or("", String::as_str);
                write!(f, "the group `{name}` contains itself: {}", path.join(" > "))
            }
            Self::Duplicate { sort, name, .. } => write!(f, "the {sort} `{name}` is used twice"),
        }
    }
}
