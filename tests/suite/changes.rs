//! The paths that commits change, and merge bases, over generated histories: against git, against the graph, and against a
//! plain reading of the rule for merges.

use crate::support::{Dice, World, objects, run_well};
use countersign::{
    bounds::Bounds,
    git::{ChangedPath, Comparer, Content, Quarantine, Read, Repository, Unclear},
    object::{Malformed, Mode},
    push::ObjectId,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
};

/// Names that sort differently as folders, and nest.
const PATHS: &[&str] = &[
    "a",
    "a/b",
    "a/b/c",
    "a/b-c",
    "a-b",
    "a.c/x",
    "b/x",
    "b/y",
    "b/z/deep/er",
    "c",
    "c0",
    "d/\u{e9}",
    "d/e f",
    "d/e f/g",
];

const MODES: &[&str] = &["100644", "100755", "120000", "160000"];

/// Of each path, mode and which of a few contents.
type Tree = BTreeMap<&'static str, (&'static str, usize)>;

struct History {
    world: World,
    ids: Vec<ObjectId>,
    parents: Vec<Vec<usize>>,
    trees: Vec<Tree>,
}

impl History {
    /// Independent histories, so many commits each, in one repository.
    fn new(dice: &mut Dice, histories: usize, length: usize) -> Self {
        let (mut parents, mut trees, mut stream) = (Vec::new(), Vec::new(), String::new());
        for history in 0..histories {
            let first = history * length;
            for at in first..first + length {
                let own = some_parents(dice, first, at);
                let tree = some_tree(dice, &own, &trees);
                let date = match history % 4 {
                    0 => 1_000_000 + at * 100,
                    1 => 1_000_000,
                    2 => dice.below(2_000_000),
                    _ => 20_000_000 - at * 100,
                };
                write_commit(&mut stream, at, date, &own, &tree);
                parents.push(own);
                trees.push(tree);
            }
        }
        let world = World::new();
        let marks = world.path("marks");
        let mut import = world.command("git", &world.clone_path());
        import.args(["fast-import", "--quiet", "--force", &format!("--export-marks={}", marks.display())]);
        run_well(import, stream.as_bytes());
        let mut ids = BTreeMap::new();
        for line in fs::read_to_string(&marks).unwrap().lines() {
            let (mark, id) = line[1..].split_once(' ').unwrap();
            ids.insert(mark.parse::<usize>().unwrap(), ObjectId::from_hex(id.as_bytes()).unwrap());
        }
        let ids: Vec<_> = ids.into_values().collect();
        assert_eq!(ids.len(), histories * length);
        Self { world, ids, parents, trees }
    }

    fn open(&self) -> Repository {
        open(&self.world)
    }

    fn reach(&self, of: usize) -> BTreeSet<usize> {
        let (mut found, mut waiting) = (BTreeSet::new(), vec![of]);
        while let Some(commit) = waiting.pop() {
            if found.insert(commit) {
                waiting.extend(&self.parents[commit]);
            }
        }
        found
    }

    /// Common ancestors that are ancestors of no other.
    fn merge_bases(&self, one: usize, other: usize) -> Vec<usize> {
        let common: BTreeSet<_> = self.reach(one).intersection(&self.reach(other)).copied().collect();
        let reached: BTreeSet<_> =
            common.iter().flat_map(|&at| self.reach(at).into_iter().filter(move |&below| below != at)).collect();
        common.difference(&reached).copied().collect()
    }

    /// What the rule says, path by path.
    fn expected(&self, at: usize) -> BTreeSet<&'static str> {
        let (nothing, parents, tree) = (Tree::new(), &self.parents[at], &self.trees[at]);
        let of_parents: Vec<_> = match parents.as_slice() {
            [] => vec![&nothing],
            parents => parents.iter().map(|&parent| &self.trees[parent]).collect(),
        };
        let is_as_merged = |path: &&'static str| {
            let result = tree.get(path);
            if parents.len() < 2 {
                return of_parents[0].get(path) == result;
            }
            (0..parents.len()).any(|standing| {
                of_parents[standing].get(path) == result
                    && (0..parents.len()).all(|other| {
                        let content = of_parents[other].get(path);
                        let bases = || self.merge_bases(parents[standing], parents[other]);
                        content == result
                            || match bases().as_slice() {
                                [] => content.is_none(),
                                bases => bases.iter().all(|&base| self.trees[base].get(path) == content),
                            }
                    })
            })
        };
        PATHS.iter().copied().filter(|path| !is_as_merged(path)).collect()
    }
}

fn open(world: &World) -> Repository {
    Repository::open(&world.clone_path().join(".git"), &Quarantine::default()).unwrap()
}

fn some_parents(dice: &mut Dice, first: usize, at: usize) -> Vec<usize> {
    let mut parents = Vec::new();
    let how_many = if at == first || dice.below(20) == 0 { 0 } else { [1, 1, 2, 2, 2, 3, 4][dice.below(7)] };
    for _ in 0..how_many {
        let parent = at - 1 - dice.below((at - first).min(6));
        if !parents.contains(&parent) {
            parents.push(parent);
        }
    }
    parents
}

/// Each path as in one of the parents, most often; now and then anything.
fn some_tree(dice: &mut Dice, parents: &[usize], trees: &[Tree]) -> Tree {
    let mut tree = Tree::new();
    for &path in PATHS {
        let changed = parents.is_empty() || dice.below(12) == 0;
        let value = match changed {
            false => trees[parents[dice.below(parents.len())]].get(path).copied(),
            true => (dice.below(3) > 0).then(|| (MODES[dice.below(7).saturating_sub(3)], dice.below(3))),
        };
        if let Some(value) = value {
            // No file can be where a folder is.
            tree.retain(|other: &&str, _| !path.starts_with(&format!("{other}/")));
            tree.insert(path, value);
        }
    }
    tree
}

fn write_commit(stream: &mut String, at: usize, date: usize, parents: &[usize], tree: &Tree) {
    // Its number, or commits that are alike would be the same.
    write!(stream, "commit refs/heads/c{at}\nmark :{}\ncommitter A <a{at}@x> {date} +0000\ndata 0\n", at + 1).unwrap();
    for (number, parent) in parents.iter().enumerate() {
        writeln!(stream, "{} :{}", if number == 0 { "from" } else { "merge" }, parent + 1).unwrap();
    }
    stream.push_str("deleteall\n");
    for (path, (mode, content)) in tree {
        match *mode {
            "160000" => writeln!(stream, "M 160000 {} {path}", content_id(*content)).unwrap(),
            mode => write!(stream, "M {mode} inline {path}\ndata 1\n{content}\n").unwrap(),
        }
    }
    stream.push('\n');
}

fn content_id(content: usize) -> String {
    format!("{content}").repeat(39) + "a"
}

fn changes(comparer: &mut Comparer<'_>, repository: &Repository, id: ObjectId) -> Result<Vec<ChangedPath>, Unclear> {
    let mut bytes = Vec::new();
    assert!(matches!(repository.read(id, &mut bytes).unwrap(), Read::Object(_)));
    comparer.changes(id, &bytes).unwrap()
}

/// As `git diff-tree --raw` writes a side: mode and id, zeros for nothing.
fn raw(content: Option<Content>) -> String {
    content.map_or_else(
        || format!("000000 {}", "0".repeat(40)),
        |content| format!("{:06o} {}", content.mode.bits(), content.id),
    )
}

/// What `git diff-tree` says of every commit: id, then for each path what was there and what is.
fn told_by_git(history: &History, options: &[&str]) -> BTreeMap<String, BTreeMap<String, (String, String)>> {
    let mut diff = history.world.command("git", &history.world.clone_path());
    diff.args(["-c", "core.quotePath=false", "diff-tree", "--stdin", "-r", "--no-renames", "--no-abbrev", "--raw"]);
    diff.args(options);
    let ids: String = history.ids.iter().map(|id| format!("{id}\n")).collect();
    let (mut found, mut current) = (BTreeMap::new(), String::new());
    for line in run_well(diff, ids.as_bytes()).lines() {
        match line.split_once('\t') {
            None => current = line.to_owned(),
            Some((change, path)) => {
                let fields: Vec<_> = change.trim_start_matches(':').split(' ').collect();
                let sides = (format!("{} {}", fields[0], fields[2]), format!("{} {}", fields[1], fields[3]));
                found.entry(current.clone()).or_insert_with(BTreeMap::new).insert(path.to_owned(), sides);
            }
        }
    }
    found
}

#[test]
fn what_a_commit_changes_is_what_git_says_and_of_merges_what_the_rule_says() {
    let history = History::new(&mut Dice(0x7ee5), 24, 30);
    let repository = history.open();
    let mut comparer = Comparer::new(&repository);
    let single = told_by_git(&history, &["--root"]);
    let combined = told_by_git(&history, &["-c"]);
    let (mut plain, mut clean, mut judged) = (0, 0, 0);
    for at in (0..history.ids.len()).rev() {
        let id = history.ids[at];
        let found = changes(&mut comparer, &repository, id).unwrap();
        let paths: Vec<_> = found.iter().map(|change| String::from_utf8(change.path.clone()).unwrap()).collect();
        assert!(paths.is_sorted());
        assert_eq!(paths.iter().map(String::as_str).collect::<BTreeSet<_>>(), history.expected(at), "{id}");
        let nothing = BTreeMap::new();
        if history.parents[at].len() < 2 {
            let told: BTreeMap<_, _> =
                found.iter().zip(paths).map(|(change, path)| (path, (raw(change.before), raw(change.after)))).collect();
            assert_eq!(&told, single.get(&id.to_string()).unwrap_or(&nothing), "{id}");
            plain += told.len();
        } else {
            // What is as in no parent is judged, whatever the bases.
            for path in combined.get(&id.to_string()).unwrap_or(&nothing).keys() {
                assert!(paths.contains(path), "{id} {path}");
            }
            for change in &found {
                assert_ne!(change.before, change.after, "{id}");
            }
            clean += usize::from(paths.is_empty());
            judged += paths.len();
        }
    }
    assert!(plain > 500 && clean > 30 && judged > 300, "{plain} {clean} {judged}");
}

#[test]
fn merge_bases_are_exact_whatever_the_dates() {
    let mut dice = Dice(0xba5e5);
    let history = History::new(&mut dice, 40, 24);
    let repository = history.open();
    let (mut several, mut none) = (0, 0);
    for number in 0..1200 {
        let first = number % 40 * 24;
        let (one, other) = (first + dice.below(24), first + dice.below(24));
        let found = repository.merge_bases(history.ids[one], history.ids[other]).unwrap();
        let mut expected: Vec<_> = history.merge_bases(one, other).iter().map(|&at| history.ids[at]).collect();
        expected.sort();
        assert_eq!(found, expected, "{one} {other}: {:?}", &history.parents[first..first + 24]);
        several += usize::from(found.len() > 1);
        none += usize::from(found.is_empty());
        if number % 10 == 0 {
            let mut command = history.world.command("git", &history.world.clone_path());
            command.args(["merge-base", "--all", &history.ids[one].to_string(), &history.ids[other].to_string()]);
            let output = crate::support::run(command, b"");
            let told = String::from_utf8(output.stdout).unwrap();
            let mut told: Vec<_> = told.lines().map(|id| ObjectId::from_hex(id.as_bytes()).unwrap()).collect();
            told.sort();
            assert_eq!(found, told);
        }
    }
    assert!(several > 50 && none > 20, "{several} {none}");
}

/// A commit of a tree of these entries, each of them a mode, a name and the id of an object in hex.
fn commit_of(world: &World, entries: &[(&str, &str, &str)], parents: &[&str]) -> String {
    let mut commit = objects::Commit::new(world, parents, "Trees");
    commit.tree = tree_of(world, entries);
    commit.unsigned(world)
}

fn tree_of(world: &World, entries: &[(&str, &str, &str)]) -> String {
    let bytes = entries.iter().flat_map(|(mode, name, id)| {
        let raw: Vec<u8> =
            (0..id.len()).step_by(2).map(|at| u8::from_str_radix(&id[at..at + 2], 16).unwrap()).collect();
        [mode.as_bytes(), b" ", name.as_bytes(), b"\0", &raw].concat()
    });
    objects::write(world, "tree", &bytes.collect::<Vec<_>>())
}

fn changes_of(world: &World, id: &str) -> Result<Vec<ChangedPath>, Unclear> {
    let repository = open(world);
    changes(&mut Comparer::new(&repository), &repository, ObjectId::from_hex(id.as_bytes()).unwrap())
}

#[test]
fn a_malformed_tree_is_named_and_only_where_it_differs() {
    let world = World::new();
    let blob = objects::write(&world, "blob", b"x");
    let twice = tree_of(&world, &[("100644", "x", &blob), ("100644", "x", &blob)]);
    let old = commit_of(&world, &[("40000", "old", &twice)], &[]);
    let Err(Unclear::Malformed(tree, Malformed(why))) = changes_of(&world, &old) else { panic!("it is read") };
    assert_eq!((tree.to_string(), why.as_str()), (twice.clone(), "holds two entries of one name"));
    let new = commit_of(&world, &[("100644", "new", &blob), ("40000", "old", &twice)], &[&old]);
    let found = changes_of(&world, &new).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].path.as_slice(), found[0].after.unwrap().mode), (&b"new"[..], Mode::File));
}

#[test]
fn a_mode_that_only_old_clients_write_is_no_change() {
    let world = World::new();
    let blob = objects::write(&world, "blob", b"x");
    let old = commit_of(&world, &[("100664", "x", &blob)], &[]);
    let new = commit_of(&world, &[("100644", "x", &blob)], &[&old]);
    assert_eq!(changes_of(&world, &new).unwrap(), []);
    let executable = commit_of(&world, &[("100755", "x", &blob)], &[&new]);
    assert_eq!(changes_of(&world, &executable).unwrap().len(), 1);
}

#[test]
fn a_tree_that_is_missing_or_none_is_undecided() {
    let world = World::new();
    let blob = objects::write(&world, "blob", b"x");
    let repository = open(&world);
    let failure = |entries: &[(&str, &str, &str)]| {
        let id = commit_of(&world, entries, &[]);
        let mut bytes = Vec::new();
        let id = ObjectId::from_hex(id.as_bytes()).unwrap();
        repository.read(id, &mut bytes).unwrap();
        Comparer::new(&repository).changes(id, &bytes).unwrap_err().to_string()
    };
    assert!(failure(&[("40000", "x", &content_id(1))]).ends_with("is missing"));
    assert!(failure(&[("40000", "x", &blob)]).ends_with("is a blob"));
    // What only stands in a tree is not read.
    assert_eq!(changes_of(&world, &commit_of(&world, &[("100644", "x", &content_id(1))], &[])).unwrap().len(), 1);
}

#[test]
fn the_empty_tree_need_not_be_there() {
    for format in ["sha1", "sha256"] {
        let world = World::of_format(format);
        let id = objects::unsigned(&world, &[], "Nothing");
        assert_eq!(changes_of(&world, &id).unwrap(), []);
    }
}

/// Folders in folders.
fn nested(world: &World, blob: &str, name: &str, depth: usize) -> String {
    let mut tree = tree_of(world, &[("100644", name, blob)]);
    for _ in 1..depth {
        tree = tree_of(world, &[("40000", name, &tree)]);
    }
    let mut commit = objects::Commit::new(world, &[], "Deep");
    commit.tree = tree;
    commit.unsigned(world)
}

#[test]
fn a_path_is_as_long_as_the_bound_and_not_longer() {
    let world = World::new();
    let blob = objects::write(&world, "blob", b"x");
    // Components of two bytes and a slash each, but for the last.
    assert_eq!(Bounds::PATH, 4096);
    let found = changes_of(&world, &nested(&world, &blob, "dd", 1365)).unwrap();
    assert_eq!(found[0].path.len(), 1365 * 3 - 1);
    assert_eq!(changes_of(&world, &nested(&world, &blob, "dd", 1366)), Err(Unclear::LongPath));
    let name = "n".repeat(Bounds::PATH);
    assert_eq!(changes_of(&world, &nested(&world, &blob, &name, 1)).unwrap()[0].path.len(), Bounds::PATH);
    assert_eq!(changes_of(&world, &nested(&world, &blob, &(name + "n"), 1)), Err(Unclear::LongPath));
}

#[test]
fn paths_without_number_are_not_kept() {
    let world = World::new();
    let blob = objects::write(&world, "blob", b"x");
    // A folder of a thousand, in a folder of a thousand, and so on: a trillion paths in four small trees.
    let mut tree = blob;
    for mode in ["100644", "40000", "40000", "40000"] {
        let names: Vec<_> = (0..1000).map(|number| format!("{number:03}")).collect();
        let entries: Vec<_> = names.iter().map(|name| (mode, name.as_str(), tree.as_str())).collect();
        tree = tree_of(&world, &entries);
    }
    let mut commit = objects::Commit::new(&world, &[], "Bomb");
    commit.tree = tree;
    let bomb = commit.unsigned(&world);
    let unclear = changes_of(&world, &bomb).unwrap_err();
    assert!([Unclear::ManyPaths, Unclear::LargeTrees].contains(&unclear), "{unclear:?}");
    // What both have is not looked through.
    let mut again = objects::Commit::new(&world, &[&bomb], "Nothing");
    again.tree = commit.tree;
    assert_eq!(changes_of(&world, &again.unsigned(&world)).unwrap(), []);
}
