//! `name <email> time zone` lines.
use crate::push::Timestamp;

/// An author, committer or tagger, as bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Person<'a> {
    pub name: &'a [u8],
    pub email: &'a [u8],
    pub time: Timestamp,
}
