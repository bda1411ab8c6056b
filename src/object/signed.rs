//! What was signed, and by which signature bytes.
use std::borrow::Cow;

/// A payload and the one signature over it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Signed<'a> {
    /// The bytes the signature is over, exactly as git computes them.
    pub payload: Cow<'a, [u8]>,
    /// The armored signature, from its `-----BEGIN` line to the end of what git hands to the verifier.
    pub signature: Cow<'a, [u8]>,
}

/// Where an object keeps its signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Slot<'a> {
    /// None for this repository's object format.
    Empty,
    /// One.
    One(Signed<'a>),
    /// More than one signature header (`gpgsig` twice, or `gpgsig` beside `gpgsig-sha256`), or more than one armor.
    Several,
}
