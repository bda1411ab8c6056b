//! What arrived, as bytes. Imports nothing of ours.

mod approval;
mod certificate;
pub mod evidence;
mod id;
mod lines;
mod name;

pub use approval::{ApprovalName, EmergencyName};
pub use certificate::{InvalidCertificate, PushCertificate};
pub use evidence::Evidence;
pub use id::{ObjectFormat, ObjectId, ObjectIdMap, ObjectIdSet};
pub use lines::{InvalidUpdate, parse_arguments, parse_lines};
pub use name::RefName;

/// Seconds since 1970-01-01T00:00:00Z, as git counts them; may be negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Timestamp(pub i64);

/// What one line of a push asks for. The null id of the wire is spelled as a variant, so no code compares with zeroes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// The ref did not exist.
    Create {
        /// The value it gets.
        new: ObjectId,
    },
    /// The ref exists and gets another value.
    Move {
        /// The value it has.
        old: ObjectId,
        /// The value it gets.
        new: ObjectId,
    },
    /// The ref goes.
    Delete {
        /// The value it has.
        old: ObjectId,
    },
}

impl Change {
    /// The value before, where there is one.
    pub fn old(&self) -> Option<ObjectId> {
        match *self {
            Self::Create { .. } => None,
            Self::Move { old, .. } | Self::Delete { old } => Some(old),
        }
    }

    /// The value afterwards, where there is one.
    #[expect(clippy::new_ret_no_self, reason = "the counterpart of `old`; makes nothing")]
    pub fn new(&self) -> Option<ObjectId> {
        match *self {
            Self::Create { new } | Self::Move { new, .. } => Some(new),
            Self::Delete { .. } => None,
        }
    }
}

/// One ref and what the push asks for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefUpdate {
    /// The full name, as the client sent it.
    pub name: RefName,
    /// What is asked for.
    pub change: Change,
}

/// One push: all its updates, judged together.
#[derive(Clone, Debug)]
pub struct Push {
    /// At least one; no name twice.
    pub updates: Vec<RefUpdate>,
}
