//! The paths that one commit changes: trees compared by name, going down only where they differ.
//!
//! Of a commit with one parent, those whose content, type or mode is another than there; of a root, all. Of a merge,
//! those that are not as merged. Nothing is taken for renamed, no blob is read.

use super::{ObjectKind, Read, Repository, bases::Lineage};
use crate::{
    Undecided,
    bounds::Bounds,
    object::{Malformed, Mode, TreeEntry, parents_as_git_reads_them, tree_as_git_reads_it, tree_entries},
    push::{ObjectFormat, ObjectId, ObjectIdMap},
};
use std::{collections::BTreeMap, mem::size_of, rc::Rc};

/// Bytes of trees that are remembered: a commit's tree is its child's parent's, and most of it its parent's, too.
const REMEMBERED: usize = 32 * 1024 * 1024;

/// Git knows the empty tree without having it (git's `object-file.c`).
const EMPTY: [&[u8]; 2] =
    [b"4b825dc642cb6eb9a060e54bf8d69288fbee4904", b"6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"];

/// A path that a commit changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangedPath {
    /// From the root, raw bytes.
    pub path: Vec<u8>,
    /// What was there; of a merge, in the first parent that has another than the merge. `None`: nothing.
    pub before: Option<Content>,
    /// What is there now. `None`: nothing.
    pub after: Option<Content>,
}

/// What is at a path; never a folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Content {
    /// What it is.
    pub mode: Mode,
    /// The blob, or the submodule's commit.
    pub id: ObjectId,
}

/// Why the paths that a commit changes cannot be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unclear {
    /// A tree breaks the grammar.
    Malformed(ObjectId, Malformed),
    /// A path is longer than [`Bounds::PATH`].
    LongPath,
    /// There are more than [`Bounds::CHANGED_PATHS`].
    ManyPaths,
    /// To find them, more than [`Bounds::COMPARED`] would have to be read and kept.
    LargeTrees,
}

/// Finds what commits change, one after another; remembers trees and history from one to the next.
pub struct Comparer<'a> {
    repository: &'a Repository,
    lineage: Lineage<'a>,
    trees: ObjectIdMap<Rc<Vec<u8>>>,
    /// Bytes of them.
    remembered: usize,
}

impl<'a> Comparer<'a> {
    /// With nothing remembered.
    pub fn new(repository: &'a Repository) -> Self {
        Self { repository, lineage: Lineage::new(repository), trees: ObjectIdMap::default(), remembered: 0 }
    }

    /// The paths that a commit changes, sorted. `bytes` are the commit's; parents are those that git sees.
    ///
    /// # Errors
    /// An object is missing, cannot be read, or is not of the kind that it is named as. That a tree is malformed, or all
    /// of it too large, is no error but [`Unclear`].
    pub fn changes(&mut self, id: ObjectId, bytes: &[u8]) -> Result<Result<Vec<ChangedPath>, Unclear>, Undecided> {
        let format = self.repository.format();
        let Some(tree) = tree_as_git_reads_it(bytes, format) else {
            return Err(Undecided::pusher("comparing commits", format!("{id} names no tree")));
        };
        let sides = Sides::of(id, tree, &parents_as_git_reads_them(bytes, format), &mut self.lineage)?;
        self.compare(&sides)
    }

    fn compare(&mut self, sides: &Sides) -> Result<Result<Vec<ChangedPath>, Unclear>, Undecided> {
        let mut comparison = Comparison { sides, found: Vec::new(), waiting: Vec::new(), left: Bounds::COMPARED };
        let roots = sides.trees.iter().map(|tree| tree.map(|id| Entry { mode: Mode::Tree, id })).collect::<Vec<_>>();
        let told = match sides.stands(&roots) {
            true => Ok(()),
            false => comparison.compare(&[], &roots).and_then(|()| comparison.run(self)),
        };
        match told {
            Ok(()) => {
                comparison.found.sort_by(|one, other| one.path.cmp(&other.path));
                Ok(Ok(comparison.found))
            }
            Err(Stop::Unclear(unclear)) => Ok(Err(unclear)),
            Err(Stop::Undecided(undecided)) => Err(undecided),
        }
    }

    /// The paths in which two trees differ, sorted; `None` is a tree with nothing in it.
    ///
    /// # Errors
    /// Those of [`Self::changes`].
    pub fn between(
        &mut self,
        from: Option<ObjectId>,
        to: Option<ObjectId>,
    ) -> Result<Result<Vec<ChangedPath>, Unclear>, Undecided> {
        match from == to {
            true => Ok(Ok(Vec::new())),
            false => self.compare(&Sides { trees: vec![to, from], parents: vec![1], bases: BTreeMap::new() }),
        }
    }

    /// The bytes of a tree.
    fn tree(&mut self, id: ObjectId) -> Result<Rc<Vec<u8>>, Stop> {
        if let Some(known) = self.trees.get(&id) {
            return Ok(Rc::clone(known));
        }
        let mut bytes = Vec::new();
        let failed =
            |why: String| Stop::Undecided(Undecided::server("comparing trees", format!("the tree {id} {why}")));
        match self.repository.read(id, &mut bytes).map_err(Stop::Undecided)? {
            Read::Object(ObjectKind::Tree) => {}
            Read::TooLarge { kind: ObjectKind::Tree, .. } => return Err(Stop::Unclear(Unclear::LargeTrees)),
            Read::Object(kind) | Read::TooLarge { kind, .. } => return Err(failed(format!("is a {}", kind.name()))),
            Read::Missing if EMPTY.iter().any(|empty| ObjectId::from_hex(empty) == Some(id)) => {}
            Read::Missing => return Err(failed("is missing".to_owned())),
        }
        let tree = Rc::new(bytes);
        self.remember(id, &tree);
        Ok(tree)
    }

    fn remember(&mut self, id: ObjectId, tree: &Rc<Vec<u8>>) {
        if self.remembered + tree.len() > REMEMBERED {
            self.trees.clear();
            self.remembered = 0;
        }
        if tree.len() <= REMEMBERED {
            self.remembered += tree.len();
            self.trees.insert(id, Rc::clone(tree));
        }
    }
}

/// Why a comparison ends early.
enum Stop {
    Unclear(Unclear),
    Undecided(Undecided),
}

/// The trees that say what a commit changes, none of them twice.
struct Sides {
    /// The commit's own first; `None`: nothing at all, which a root is compared with.
    trees: Vec<Option<ObjectId>>,
    /// Where each parent's tree is among them.
    parents: Vec<usize>,
    /// Where the trees of the merge bases of two parents are, by the parents' numbers, the lower one first.
    bases: BTreeMap<(usize, usize), Vec<usize>>,
}

impl Sides {
    fn of(
        commit: ObjectId,
        tree: ObjectId,
        parents: &[ObjectId],
        lineage: &mut Lineage<'_>,
    ) -> Result<Self, Undecided> {
        let mut sides = Self { trees: vec![Some(tree)], parents: Vec::new(), bases: BTreeMap::new() };
        if parents.is_empty() {
            let nothing = sides.place(None);
            sides.parents.push(nothing);
        }
        for &parent in parents {
            let tree = lineage.commit(parent, Some(commit))?.tree;
            let place = sides.place(Some(tree));
            sides.parents.push(place);
        }
        if sides.trees.len() == 1 {
            return Ok(sides);
        }
        for (number, &other) in parents.iter().enumerate() {
            for (lower, &one) in parents.iter().enumerate().take(number) {
                // Where they have the same tree, neither has another content than the other.
                if sides.parents.get(lower) != sides.parents.get(number) {
                    let mut places = Vec::new();
                    for base in lineage.merge_bases(one, other)? {
                        places.push(sides.place(Some(lineage.commit(base, None)?.tree)));
                    }
                    sides.bases.insert((lower, number), places);
                }
            }
        }
        Ok(sides)
    }

    fn place(&mut self, tree: Option<ObjectId>) -> usize {
        self.trees.iter().position(|known| *known == tree).unwrap_or_else(|| {
            self.trees.push(tree);
            self.trees.len() - 1
        })
    }

    /// Whether a path is as it was; in a merge, as merged: where one parent's content stands, and every parent with another
    /// has there what all merge bases of the two have (nothing, where there is no merge base).
    ///
    /// Of more than two parents, each is held against the one whose content stands. Ancestors that all of them share can lie
    /// before a change that two of them have in common, and one parent more, however old, would make it undone.
    fn stands(&self, values: &[Option<Entry>]) -> bool {
        let at = |place: usize| values.get(place).copied().flatten();
        let result = at(0);
        self.parents.iter().enumerate().any(|(standing, &place)| {
            at(place) == result
                && self.parents.iter().enumerate().all(|(number, &place)| {
                    let other = at(place);
                    other == result || self.was_at_bases(standing, number, other, values)
                })
        })
    }

    fn was_at_bases(&self, one: usize, other: usize, content: Option<Entry>, values: &[Option<Entry>]) -> bool {
        match self.bases.get(&(one.min(other), one.max(other))).map(Vec::as_slice) {
            // Of a single parent nothing is merged.
            None => false,
            Some([]) => content.is_none(),
            Some(bases) => bases.iter().all(|&base| values.get(base).copied().flatten() == content),
        }
    }
}

/// What a tree holds under a name, be it a folder.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Entry {
    mode: Mode,
    id: ObjectId,
}

/// A folder that differs, in those of the trees that have it.
struct Folder {
    path: Vec<u8>,
    trees: Vec<Option<ObjectId>>,
}

struct Comparison<'s> {
    sides: &'s Sides,
    found: Vec<ChangedPath>,
    waiting: Vec<Folder>,
    /// Bytes that may still be read and kept.
    left: usize,
}

impl Comparison<'_> {
    fn run(&mut self, comparer: &mut Comparer<'_>) -> Result<(), Stop> {
        let format = comparer.repository.format();
        while let Some(folder) = self.waiting.pop() {
            let mut trees = Vec::new();
            for tree in &folder.trees {
                trees.push(match tree {
                    Some(id) => Some((*id, comparer.tree(*id)?)),
                    None => None,
                });
            }
            let mut sides = Vec::new();
            for tree in &trees {
                sides.push(match tree {
                    Some((id, bytes)) => self.entries(*id, bytes, format)?,
                    None => Vec::new(),
                });
            }
            self.compare_folder(&folder.path, &sides)?;
        }
        Ok(())
    }

    fn entries<'t>(&mut self, id: ObjectId, tree: &'t [u8], format: ObjectFormat) -> Result<Vec<TreeEntry<'t>>, Stop> {
        self.spend(tree.len())?;
        tree_entries(tree, format).map_err(|malformed| Stop::Unclear(Unclear::Malformed(id, malformed)))
    }

    /// Names in their order, each with what every side has under it.
    fn compare_folder(&mut self, folder: &[u8], sides: &[Vec<TreeEntry<'_>>]) -> Result<(), Stop> {
        let mut sides: Vec<_> = sides.iter().map(|entries| entries.iter().peekable()).collect();
        let (mut values, mut path) = (Vec::with_capacity(sides.len()), Vec::new());
        while let Some(name) = sides.iter_mut().filter_map(|side| side.peek().map(|entry| entry.name)).min() {
            values.clear();
            values.extend(sides.iter_mut().map(|side| {
                side.next_if(|entry| entry.name == name).map(|entry| Entry { mode: entry.mode, id: entry.id })
            }));
            if self.sides.stands(&values) {
                continue;
            }
            path.clear();
            path.extend_from_slice(folder);
            if !folder.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(name);
            self.compare(&path, &values)?;
        }
        Ok(())
    }

    /// Of what does not stand: notes to go down where it is a folder, and the path where something else is changed.
    fn compare(&mut self, path: &[u8], values: &[Option<Entry>]) -> Result<(), Stop> {
        if path.len() > Bounds::PATH {
            return Err(Stop::Unclear(Unclear::LongPath));
        }
        let is_folder = |entry: &Entry| entry.mode == Mode::Tree;
        let is_folder_at = |place: &usize| values.get(*place).copied().flatten().as_ref().is_some_and(is_folder);
        // What only merge bases have is nowhere to be changed.
        if is_folder_at(&0) || self.sides.parents.iter().any(is_folder_at) {
            let trees: Vec<_> = values.iter().map(|value| value.filter(is_folder).map(|entry| entry.id)).collect();
            self.spend(path.len() + trees.len() * size_of::<Option<ObjectId>>())?;
            self.waiting.push(Folder { path: path.to_vec(), trees });
        }
        let contents: Vec<_> = values.iter().map(|value| value.filter(|entry| !is_folder(entry))).collect();
        if self.sides.stands(&contents) {
            return Ok(());
        }
        if self.found.len() == Bounds::CHANGED_PATHS {
            return Err(Stop::Unclear(Unclear::ManyPaths));
        }
        self.spend(path.len())?;
        let content =
            |place: usize| contents.get(place).copied().flatten().map(|Entry { mode, id }| Content { mode, id });
        let after = content(0);
        let parents = self.sides.parents.iter().map(|&parent| content(parent));
        let before = parents.into_iter().find(|before| *before != after).flatten();
        self.found.push(ChangedPath { path: path.to_vec(), before, after });
        Ok(())
    }

    fn spend(&mut self, bytes: usize) -> Result<(), Stop> {
        self.left = self.left.checked_sub(bytes).ok_or(Stop::Unclear(Unclear::LargeTrees))?;
        Ok(())
    }
}
