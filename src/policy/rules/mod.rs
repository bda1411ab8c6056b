//! What a rule can require: one file a kind, one line in the list below. The list makes the modules, the
//! [`Requirement`] and [`Reason`] enums, the keys and the dispatch.

mod merge_tags;

use super::{
    diff::Setting,
    facts::{CommitFacts, Context, Terms, UpdateFacts},
    sentences::{Explanation, Said},
    who::Who,
};
use crate::{
    document::{Fields, Reader, Value, What},
    push::ObjectId,
    registry::{Fault, Signer},
};

/// How much of what an update brings a requirement looks at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Reach {
    /// No commit.
    #[default]
    Nothing,
    /// The new value alone.
    Tip,
    /// The first-parent chain.
    FirstParent,
    /// All that the ref gains.
    All,
}

/// What a requirement asks to be found out; nothing else is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Needs {
    /// Which commits.
    pub commits: Reach,
    /// Which of them are on the first-parent chain, which is then looked at also where the ref has it already.
    pub first_parent: bool,
    /// Whether the update is a fast-forward.
    pub fast_forward: bool,
    /// Which refs hold the tagged commit.
    pub containment: bool,
    /// What paths each commit changes.
    pub changes: bool,
    /// Of what they change, how large the blobs are.
    pub sizes: bool,
    /// The tags that a merge says it merged.
    pub merge_tags: bool,
    /// How many commits there are, or who made them: what another ref of the push brings, too, is not passed over.
    pub counted: bool,
    /// The approvals of what the ref gets.
    pub approvals: bool,
    /// Those of other commits with its tree, too.
    pub same_tree: bool,
}

impl Needs {
    /// What either asks for.
    pub fn or(self, other: Self) -> Self {
        Self {
            commits: self.commits.max(other.commits),
            first_parent: self.first_parent || other.first_parent,
            fast_forward: self.fast_forward || other.fast_forward,
            containment: self.containment || other.containment,
            changes: self.changes || other.changes,
            sizes: self.sizes || other.sizes,
            merge_tags: self.merge_tags || other.merge_tags,
            counted: self.counted || other.counted,
            approvals: self.approvals || other.approvals,
            same_tree: self.same_tree || other.same_tree,
        }
    }
}

/// Implemented once a kind. No default bodies: a kind says openly what it does not judge.
pub trait Kind: Sized {
    /// The key in a `[[rule]]`.
    const KEY: &'static str;
    /// Every word that [`Kind::explain`] gives, but for those of [`Status`](crate::registry::Status).
    const CODES: &'static [&'static str];
    /// Why this kind refuses; what is equal is reported together.
    type Reason;
    /// Reads the key's value; problems go to the reader.
    fn read(value: &Value<'_>, reader: &mut Reader<'_>) -> Option<Self>;
    /// What holds where the key is absent.
    fn absent() -> Option<Self>;
    /// What has to be found out before this can judge.
    fn needs(&self) -> Needs;
    /// The refs that [`Needs::containment`] is about, matched by this; the default branch has the name `HEAD`, too.
    fn asks_about(&self, name: &[u8]) -> bool;
    /// On which terms the whole rule takes a commit for its signer's, where this kind says.
    fn terms(&self) -> Option<Terms>;
    /// Judges one commit.
    fn judge_commit(&self, facts: &CommitFacts<'_>, context: &Context<'_>, refuse: &mut dyn FnMut(Self::Reason));
    /// Judges the update; a finding may name one object.
    fn judge_update(
        &self,
        facts: &UpdateFacts<'_>,
        context: &Context<'_>,
        refuse: &mut dyn FnMut((Self::Reason, Option<ObjectId>)),
    );
    /// What it asks, in sentences without a subject ("commits must be …"), for `policy explain`.
    fn sentences(&self) -> Vec<String>;
    /// What it means for one person, in sentences that begin with a verb ("may not delete it"), for `policy explain --as`.
    fn sentences_for(&self, signer: &Signer) -> Vec<String>;
    /// Everything that it judges by, for `policy diff`; always the same keys. What is left out would change unseen.
    fn settings(&self) -> Vec<Setting>;
    /// Every list of people that it is written with, or that holds by default, and its key.
    fn lists(&self) -> Vec<(&'static str, &Who)>;
    /// A stable word for programs, what happened, and how to mend it.
    fn explain(reason: &Self::Reason, said: &Said<'_>) -> Explanation;
    /// Whether the object itself is ambiguous, which no mode softens.
    fn is_ambiguous(reason: &Self::Reason) -> bool;
    /// Why a signature does not count, where that is the reason.
    fn fault(reason: &Self::Reason) -> Option<&Fault>;
}

macro_rules! kinds {
    ($($(#[$docs:meta])* $module:ident::$Kind:ident),* $(,)?) => {
        $(pub mod $module;)*

        /// One requirement of a rule.
        #[derive(Debug)]
        pub enum Requirement {
            $($(#[$docs])* $Kind($module::$Kind)),*
        }

        /// Why a requirement is not met.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Reason {
            $($(#[$docs])* $Kind(<$module::$Kind as Kind>::Reason)),*
        }

        /// The keys of all kinds.
        pub const KEYS: &[&str] = &[$(<$module::$Kind as Kind>::KEY),*];

        /// Every word that the kinds give their reasons; see [`Kind::CODES`].
        pub const CODES: &[&[&str]] = &[$(<$module::$Kind as Kind>::CODES),*];

        /// Each kind's key, and the source of its file, which begins with its manual page.
        const SOURCES: &[(&str, &str)] =
            &[$((<$module::$Kind as Kind>::KEY, include_str!(concat!(stringify!($module), ".rs")))),*];

        impl Requirement {
            /// See [`Kind::needs`].
            pub fn needs(&self) -> Needs {
                match self { $(Self::$Kind(kind) => kind.needs()),* }
            }
            /// See [`Kind::asks_about`].
            pub fn asks_about(&self, name: &[u8]) -> bool {
                match self { $(Self::$Kind(kind) => kind.asks_about(name)),* }
            }
            /// See [`Kind::terms`].
            pub fn terms(&self) -> Option<Terms> {
                match self { $(Self::$Kind(kind) => kind.terms()),* }
            }
            /// See [`Kind::judge_commit`].
            pub fn judge_commit(&self, facts: &CommitFacts<'_>, context: &Context<'_>, refuse: &mut dyn FnMut(Reason)) {
                match self {
                    $(Self::$Kind(kind) => kind.judge_commit(facts, context, &mut |reason| refuse(Reason::$Kind(reason)))),*
                }
            }
            /// See [`Kind::judge_update`].
            pub fn judge_update(
                &self,
                facts: &UpdateFacts<'_>,
                context: &Context<'_>,
                refuse: &mut dyn FnMut((Reason, Option<ObjectId>)),
            ) {
                match self {
                    $(Self::$Kind(kind) => kind.judge_update(facts, context, &mut |(reason, id)| {
                        refuse((Reason::$Kind(reason), id));
                    })),*
                }
            }
            /// See [`Kind::sentences`].
            pub fn sentences(&self) -> Vec<String> {
                match self { $(Self::$Kind(kind) => kind.sentences()),* }
            }
            /// See [`Kind::KEY`].
            pub fn key(&self) -> &'static str {
                match self { $(Self::$Kind(_) => <$module::$Kind as Kind>::KEY),* }
            }
            /// See [`Kind::settings`].
            pub fn settings(&self) -> Vec<Setting> {
                match self { $(Self::$Kind(kind) => kind.settings()),* }
            }
            /// See [`Kind::lists`].
            pub fn lists(&self) -> Vec<(&'static str, &Who)> {
                match self { $(Self::$Kind(kind) => kind.lists()),* }
            }
            /// See [`Kind::sentences_for`].
            pub fn sentences_for(&self, signer: &Signer) -> Vec<String> {
                match self { $(Self::$Kind(kind) => kind.sentences_for(signer)),* }
            }
        }

        impl Reason {
            /// See [`Kind::explain`].
            pub fn explain(&self, said: &Said<'_>) -> Explanation {
                match self { $(Self::$Kind(reason) => <$module::$Kind as Kind>::explain(reason, said)),* }
            }
            /// See [`Kind::fault`].
            pub fn fault(&self) -> Option<&Fault> {
                match self { $(Self::$Kind(reason) => <$module::$Kind as Kind>::fault(reason)),* }
            }
            /// The [`Kind::KEY`] of the kind whose reason it is.
            pub fn key(&self) -> &'static str {
                match self { $(Self::$Kind(_) => <$module::$Kind as Kind>::KEY),* }
            }
            /// See [`Kind::is_ambiguous`].
            pub fn is_ambiguous(&self) -> bool {
                match self { $(Self::$Kind(reason) => <$module::$Kind as Kind>::is_ambiguous(reason)),* }
            }
        }

        /// Reads every kind's key of one `[[rule]]`.
        pub fn read_all(fields: &mut Fields<'_, '_, '_>) -> Vec<Requirement> {
            let mut found = Vec::new();
            $(
                let present = fields.has(<$module::$Kind as Kind>::KEY);
                let read = fields.optional(<$module::$Kind as Kind>::KEY, <$module::$Kind as Kind>::read);
                let kind = if present { read } else { <$module::$Kind as Kind>::absent() };
                found.extend(kind.map(Requirement::$Kind));
            )*
            found
        }
    };
}

kinds! {
    /// Who may change the ref, and how.
    updates::Updates,
    /// Annotated and signed tags.
    tags::Tags,
    /// Signed commits.
    signatures::Signatures,
    /// Who may push.
    pusher::Pusher,
    /// What may be changed at which paths.
    paths::Paths,
    /// Whose names commits bear.
    identity::Identity,
    /// Merges, and how much comes at once.
    history::History,
    /// What commit messages must say.
    messages::Messages,
    /// Approvals by other people.
    review::Review,
    /// What a declared emergency waives.
    emergency::Emergency,
}

/// Reports requirements of one rule that do not go together.
pub fn check_together(requirements: &[Requirement], fields: &mut Fields<'_, '_, '_>) {
    let merges_alone = requirements.iter().find_map(|requirement| {
        if let Requirement::Signatures(signatures) = requirement { signatures.merges_alone() } else { None }
    });
    let requires_merges =
        |requirement: &Requirement| matches!(requirement, Requirement::History(history) if history.requires_merges());
    if let Some(place) = merges_alone
        && !requirements.iter().any(requires_merges)
    {
        let why = "`commits = \"merges\"` needs `history = { merges = \"require\" }` in the same rule: without it, what is \
                   no merge would come in unsigned";
        fields.reader.problem(place, What::Other(why.to_owned()));
    }
}

/// The manual page of a kind, in Markdown: what its file's own documentation says. `None`: no kind has this key.
pub fn manual(key: &str) -> Option<String> {
    let (_, source) = SOURCES.iter().find(|(known, _)| *known == key)?;
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    Some(lines.map(|line| line.strip_prefix(' ').unwrap_or(line).to_owned() + "\n").collect())
}
