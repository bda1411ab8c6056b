//! Where a waiver stands, and how a rule did less: the words for both.

/// Whether a waiver is reviewed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    /// Git did not do it: nothing is owed.
    NotDone,
    /// An approval stood already.
    Approved,
    /// It was reviewed afterwards, in time.
    Reviewed,
    /// It was reviewed after it was due.
    ReviewedLate,
    /// A review is owed.
    Due,
    /// A review is owed, and late.
    Overdue,
}

/// How a rule did less.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Laxity {
    /// It matched nothing.
    Off,
    /// What it found was recorded alone.
    Observed,
    /// It warned.
    Warned,
    /// It was weaker than in the version of the policy before.
    Weaker,
}

impl Standing {
    /// For programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::NotDone => "not-done",
            Self::Approved => "approved",
            Self::Reviewed => "reviewed",
            Self::ReviewedLate => "reviewed-late",
            Self::Due => "due",
            Self::Overdue => "overdue",
        }
    }

    /// For people.
    pub fn described(self) -> &'static str {
        match self {
            Self::NotDone => "not done by git",
            Self::Approved => "approved beforehand",
            Self::Reviewed => "reviewed",
            Self::ReviewedLate => "reviewed late",
            Self::Due => "review due",
            Self::Overdue => "review overdue",
        }
    }
}

impl Laxity {
    /// For programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Observed => "observe",
            Self::Warned => "warn",
            Self::Weaker => "weaker",
        }
    }

    /// For people.
    pub fn described(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Observed => "observed only",
            Self::Warned => "warned only",
            Self::Weaker => "weaker than before",
        }
    }
}
