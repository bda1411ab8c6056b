//! Reading real repositories: quarantine, alternates, refs, the walk.

use countersign::{
    bounds::Bounds,
    git::{Fault, ObjectKind, Quarantine, Read, Repository, Resolved, Selection, Settled, Trusted, Walk, Walked},
    push::{ObjectFormat, ObjectId, ObjectIdSet, RefName},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    io::Write as _,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// A folder with a bare repository `repo.git` in it.
struct World {
    folder: TempDir,
}

impl World {
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(init_options: &[&str]) -> Self {
        let world = Self { folder: TempDir::new().unwrap() };
        let repo = world.repo();
        world.run(
            &[&["init", "-q", "--bare", "-b", "main"], init_options, &[repo.to_str().unwrap()]].concat(),
            b"",
            &[],
        );
        world
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn repo(&self) -> PathBuf {
        self.path("repo.git")
    }

    /// Runs git in the world's folder and returns what it printed; it must succeed.
    fn run(&self, arguments: &[&str], stdin: &[u8], environment: &[(&str, &str)]) -> String {
        let (success, out, err) = self.try_run(arguments, stdin, environment);
        assert!(success, "git {arguments:?}: {err}");
        out.trim_end().to_owned()
    }

    fn try_run(&self, arguments: &[&str], stdin: &[u8], environment: &[(&str, &str)]) -> (bool, String, String) {
        let mut command = Command::new("git");
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap());
        command.env("HOME", self.folder.path()).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), "Alice").env(format!("GIT_{role}_EMAIL"), "alice@example.com");
            command.env(format!("GIT_{role}_DATE"), "1700000000 +0000");
        }
        command.envs(environment.iter().copied());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("git is installed");
        child.stdin.take().unwrap().write_all(stdin).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.run(&[&["-C", "repo.git"], arguments].concat(), b"", &[])
    }

    fn write(&self, kind: &str, content: &[u8]) -> ObjectId {
        id(&self.run(&["-C", "repo.git", "hash-object", "--literally", "-w", "-t", kind, "--stdin"], content, &[]))
    }

    fn commit(&self, parents: &[ObjectId], message: &str) -> ObjectId {
        self.commit_into(&self.repo(), parents, message, &[])
    }

    fn commit_into(&self, repo: &Path, parents: &[ObjectId], message: &str, environment: &[(&str, &str)]) -> ObjectId {
        let repo = repo.to_str().unwrap();
        let tree = self.run(&["-C", repo, "mktree"], b"", environment);
        let parents: Vec<String> = parents.iter().flat_map(|parent| ["-p".to_owned(), parent.to_string()]).collect();
        let mut arguments = vec!["-C", repo, "commit-tree", "-m", message, &tree];
        arguments.extend(parents.iter().map(String::as_str));
        id(&self.run(&arguments, b"", environment))
    }

    fn open(&self) -> Repository {
        Repository::open(&self.repo(), &Quarantine::default()).unwrap()
    }

    fn refusal(&self) -> String {
        Repository::open(&self.repo(), &Quarantine::default()).expect_err("it opens").to_string()
    }

    /// A folder for objects of a push, and the environment in which git writes to it, as receive-pack sets it.
    fn quarantine(&self) -> (Quarantine, Vec<(&'static str, String)>) {
        let apart = self.repo().join("objects/tmp_objdir-incoming-x");
        fs::create_dir(&apart).unwrap();
        let settled = self.repo().join("objects").to_str().unwrap().to_owned();
        let environment = vec![
            ("GIT_OBJECT_DIRECTORY", apart.to_str().unwrap().to_owned()),
            ("GIT_ALTERNATE_OBJECT_DIRECTORIES", settled.clone()),
        ];
        (Quarantine { objects: Some(apart), alternates: settled.into_bytes(), shallow_file: None }, environment)
    }
}

fn id(hex: &str) -> ObjectId {
    ObjectId::from_hex(hex.trim().as_bytes()).unwrap_or_else(|| panic!("{hex:?}"))
}

fn name(text: &str) -> RefName {
    RefName::new(text.as_bytes()).unwrap()
}

fn read(repository: &Repository, id: ObjectId) -> Result<Read, String> {
    repository.read(id, &mut Vec::new()).map_err(|undecided| undecided.to_string())
}

/// The visited commits with whether they are gained and on the first-parent chain.
fn walk(repository: &Repository, selection: &Selection) -> (Vec<(ObjectId, bool, bool)>, Walked) {
    let mut visited = Vec::new();
    let walked = repository.walk(selection, &mut |commit| {
        assert!(commit.bytes.unwrap().starts_with(b"tree "));
        visited.push((commit.id, commit.gained, commit.on_first_parent_chain));
        Ok(())
    });
    let walked = walked.unwrap();
    assert_eq!(walked.visited, visited.len() as u64);
    (visited, walked)
}

fn select(tip: ObjectId, old: Option<ObjectId>) -> Selection {
    Selection { tip, old, baselines: Vec::new(), first_parent: false }
}

fn ids(visited: &[(ObjectId, bool, bool)]) -> Vec<ObjectId> {
    visited.iter().map(|&(id, ..)| id).collect()
}

// Random histories ----------------------------------------------------------------------------------------------------

/// A generator whose numbers are the same on every run (xorshift64*, Vigna 2016).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}

/// Commits of several histories: parents by number, earlier ones only. All of it made by two runs of `git fast-import`,
/// the second into a quarantine.
struct Histories {
    world: World,
    quarantine: Quarantine,
    parents: Vec<Vec<usize>>,
    /// Where each history begins and ends.
    bounds: Vec<(usize, usize)>,
    ids: Vec<ObjectId>,
}

const HISTORIES: usize = 300;

impl Histories {
    fn new(random: &mut Random) -> Self {
        let world = World::new();
        let (quarantine, environment) = world.quarantine();
        let (mut parents, mut bounds, mut streams) = (Vec::new(), Vec::new(), [String::new(), String::new()]);
        for _ in 0..HISTORIES {
            let first = parents.len();
            let length = 4 + random.below(24);
            let (new_from, dates, roots) = (random.below(length + 1), random.below(4), random.below(3));
            for number in 0..length {
                let how_many =
                    if number == 0 || (roots == 0 && random.below(6) == 0) { 0 } else { 1 + random.below(3) };
                let mut own = Vec::new();
                for _ in 0..how_many {
                    let parent = number - 1 - random.below(number.min(5));
                    if !own.contains(&(first + parent)) {
                        own.push(first + parent);
                    }
                }
                let date = match dates {
                    0 => 1_000_000 + number * 100,
                    1 => 1_000_000,
                    2 => random.below(2_000_000),
                    _ => 2_000_000 - number * 100,
                };
                let at = first + number;
                let stream = &mut streams[usize::from(number >= new_from)];
                write!(stream, "commit refs/heads/c{at}\nmark :{}\n", at + 1).unwrap();
                write!(stream, "committer A <a@example.com> {date} +0000\ndata {}\nc{at}\n", at.to_string().len() + 2)
                    .unwrap();
                for (number, parent) in own.iter().enumerate() {
                    writeln!(stream, "{} :{}", if number == 0 { "from" } else { "merge" }, parent + 1).unwrap();
                }
                parents.push(own);
            }
            bounds.push((first, parents.len()));
        }
        let marks = world.path("marks");
        let (export, import) =
            (format!("--export-marks={}", marks.display()), format!("--import-marks={}", marks.display()));
        let import_into = |stream: &str, options: &[&str], environment: &[(&str, &str)]| {
            let arguments = [&["-C", "repo.git", "fast-import", "--quiet", "--force"], options].concat();
            world.run(&arguments, stream.as_bytes(), environment);
        };
        import_into(&streams[0], &[&export], &[]);
        let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        import_into(&streams[1], &[&import, &export], &environment);
        let mut ids = vec![None; parents.len()];
        for line in fs::read_to_string(&marks).unwrap().lines() {
            let (mark, hex) = line[1..].split_once(' ').unwrap();
            ids[mark.parse::<usize>().unwrap() - 1] = Some(id(hex));
        }
        let ids = ids.into_iter().map(Option::unwrap).collect();
        Self { world, quarantine, parents, bounds, ids }
    }

    /// The commit and all its ancestors.
    fn reach(&self, of: usize) -> BTreeSet<usize> {
        let (mut found, mut waiting) = (BTreeSet::new(), vec![of]);
        while let Some(commit) = waiting.pop() {
            if found.insert(commit) {
                waiting.extend(&self.parents[commit]);
            }
        }
        found
    }

    fn first_parents(&self, of: usize) -> Vec<usize> {
        std::iter::successors(Some(of), |&commit| self.parents[commit].first().copied()).collect()
    }

    /// What policy.md's words ask for, computed from the graph: id to (gained, on the chain). `vouching`: commits that refs hold;
    /// what is under `bases` is exempt altogether.
    fn expected(
        &self,
        tip: usize,
        old: Option<usize>,
        vouching: &[usize],
        bases: &[usize],
        first_parent: bool,
    ) -> BTreeMap<ObjectId, (bool, bool)> {
        let under = |tips: &[usize]| -> BTreeSet<usize> { tips.iter().flat_map(|&tip| self.reach(tip)).collect() };
        let under_base = under(bases);
        let holders: Vec<usize> = old.iter().chain(vouching).copied().collect();
        let held = under(&holders);
        let gained = |commit: &usize| !held.contains(commit) && !under_base.contains(commit);
        let chains: BTreeSet<_> = holders.iter().flat_map(|&holder| self.first_parents(holder)).collect();
        let ends = |commit: &usize| chains.contains(commit) || under_base.contains(commit);
        let chain: BTreeSet<_> = self.first_parents(tip).into_iter().take_while(|commit| !ends(commit)).collect();
        let mut expected: BTreeMap<_, _> = self
            .reach(tip)
            .iter()
            .filter(|commit| gained(commit))
            .map(|commit| (self.ids[*commit], (true, first_parent && chain.contains(commit))))
            .collect();
        if first_parent {
            expected.extend(chain.iter().map(|commit| (self.ids[*commit], (gained(commit), true))));
        }
        if !under_base.contains(&tip) {
            expected.entry(self.ids[tip]).or_insert((false, first_parent));
        }
        expected
    }

    fn check(&self, repository: &Repository, random: &mut Random, how: &str) -> usize {
        let mut checked = 0;
        for &(first, end) in &self.bounds {
            for _ in 0..8 {
                let any = |random: &mut Random| first + random.below(end - first);
                let tip = any(random);
                let old = (random.below(4) > 0).then(|| any(random));
                let bases: Vec<_> = (0..random.below(3)).map(|_| any(random)).collect();
                let first_parent = random.below(2) == 0;
                let baselines = bases.iter().map(|&base| self.ids[base]).collect();
                let selection =
                    Selection { tip: self.ids[tip], old: old.map(|old| self.ids[old]), baselines, first_parent };
                let (visited, walked) = walk(repository, &selection);
                let found: BTreeMap<_, _> =
                    visited.iter().map(|&(id, gained, on_chain)| (id, (gained, on_chain))).collect();
                let case = format!("{how}: {tip} not {old:?} {bases:?}, parents {:?}", &self.parents[first..end]);
                assert_eq!(found.len(), visited.len(), "visited twice: {case}");
                assert_eq!(found, self.expected(tip, old, &[], &bases, first_parent), "{case}");
                assert!(visited.first().is_none_or(|first| first.0 == self.ids[tip]), "the tip comes first: {case}");
                let fast_forward = old.is_none_or(|old| self.reach(tip).contains(&old));
                assert_eq!(walked.fast_forward, fast_forward, "{case}");
                let (one, other) = (any(random), any(random));
                let descends = repository.is_ancestor(self.ids[one], self.ids[other]).unwrap();
                assert_eq!(descends, self.reach(other).contains(&one), "{how}: is {one} an ancestor of {other}");
                checked += found.len();
            }
        }
        checked
    }
}

/// One update of a push, and what is trusted besides: commits that refs hold, and commits that a predicate holds.
struct Gaining {
    tip: usize,
    old: Option<usize>,
    bases: Vec<usize>,
    first_parent: bool,
    trusts: Vec<(Vec<usize>, Vec<usize>)>,
}

impl Histories {
    /// Walks in two parts, for one trust after another: what was `found` under each, and whether it is a fast-forward.
    fn gains(
        &self,
        repository: &Repository,
        known: &ObjectIdSet,
        gaining: &Gaining,
        found: &mut Vec<BTreeMap<ObjectId, (bool, bool)>>,
    ) -> bool {
        let ids = |numbers: &[usize]| -> Vec<ObjectId> { numbers.iter().map(|&number| self.ids[number]).collect() };
        let Gaining { tip, old, bases, first_parent, trusts } = gaining;
        let (tip, old) = (self.ids[*tip], old.map(|old| self.ids[old]));
        let selection = Selection { tip, old, baselines: ids(bases), first_parent: *first_parent };
        let mut walk = Walk::new(repository, known, &selection, Settled::Apart).unwrap();
        let mut new = Vec::new();
        walk.through_new(&mut |commit| {
            new.push((commit.id, (commit.gained, commit.on_first_parent_chain)));
            Ok(())
        })
        .unwrap();
        assert!(new.first().is_none_or(|first| first.0 == tip), "the tip comes first");
        let meets = walk.meets_settled();
        for (vouching, held) in trusts {
            let held: BTreeSet<_> = held.iter().flat_map(|&held| self.reach(held)).map(|held| self.ids[held]).collect();
            let trusted = Trusted { tips: &ids(vouching), holds: &|id| Ok(held.contains(&id)) };
            let mut visited = new.clone();
            walk.through_settled(&trusted, &mut |commit| {
                visited.push((commit.id, (commit.gained, commit.on_first_parent_chain)));
                Ok(())
            })
            .unwrap();
            assert!(meets || visited.len() == new.len(), "something was met that was there before");
            assert!(visited.first().is_none_or(|first| first.0 == tip), "the tip comes first");
            let each: BTreeMap<_, _> = visited.iter().copied().collect();
            assert_eq!(each.len(), visited.len(), "visited twice");
            found.push(each);
        }
        walk.finish().unwrap().fast_forward
    }

    fn check_trusted(&self, repository: &Repository, settled: &Repository, random: &mut Random, how: &str) -> usize {
        let mut checked = 0;
        for &(first, end) in &self.bounds {
            let there: Vec<usize> =
                (first..end).filter(|&number| settled.header(self.ids[number]).unwrap().is_some()).collect();
            let some = |random: &mut Random, at_most: usize| -> Vec<usize> {
                let count = if there.is_empty() { 0 } else { random.below(at_most) };
                (0..count).map(|_| there[random.below(there.len())]).collect()
            };
            for _ in 0..8 {
                let any = |random: &mut Random| first + random.below(end - first);
                let gaining = Gaining {
                    tip: any(random),
                    old: (random.below(3) > 0).then(|| any(random)),
                    bases: if random.below(3) == 0 { some(random, 3) } else { Vec::new() },
                    first_parent: random.below(2) == 0,
                    trusts: (0..1 + random.below(3)).map(|_| (some(random, 4), some(random, 3))).collect(),
                };
                let Gaining { tip, old, bases, first_parent, trusts } = &gaining;
                let mut found = Vec::new();
                let fast_forward = self.gains(repository, &ObjectIdSet::default(), &gaining, &mut found);
                let parents = &self.parents[first..end];
                for (found, (vouching, held)) in found.iter().zip(trusts) {
                    let exempt = [&bases[..], held].concat();
                    let expected = self.expected(*tip, *old, vouching, &exempt, *first_parent);
                    let case =
                        format!("{tip} not {old:?} {vouching:?} {exempt:?}, there {there:?}, parents {parents:?}");
                    assert_eq!(*found, expected, "{how}: {case}");
                    checked += found.len();
                }
                let descends = old.is_none_or(|old| self.reach(*tip).contains(&old));
                assert_eq!(fast_forward, descends, "{how}: {tip} not {old:?} {trusts:?}, parents {parents:?}");
            }
            // New refs of one push: what was judged for one is passed over for the next.
            let (vouching, held) = (some(random, 3), some(random, 2));
            let mut known = ObjectIdSet::default();
            for _ in 0..4 {
                let tip = first + random.below(end - first);
                let trusts = vec![(vouching.clone(), held.clone())];
                let gaining = Gaining { tip, old: None, bases: Vec::new(), first_parent: false, trusts };
                let mut found = Vec::new();
                self.gains(repository, &known, &gaining, &mut found);
                let mut expected = self.expected(tip, None, &vouching, &held, false);
                expected.retain(|id, _| !known.contains(id));
                assert_eq!(found[0], expected, "{how}: {tip} not {vouching:?} {held:?}");
                checked += expected.len();
                known.extend(expected.into_keys());
            }
        }
        checked
    }
}

#[test]
fn walks_past_what_is_trusted_are_exact() {
    let mut random = Random(0x7e57);
    let histories = Histories::new(&mut random);
    let before = histories.world.open();
    let pushed = Repository::open(&histories.world.repo(), &histories.quarantine).unwrap();
    assert!(histories.check_trusted(&pushed, &before, &mut random, "pushed") > 5_000);
    // Without a quarantine nothing is new.
    let alternates = histories.quarantine.objects.clone().unwrap().to_str().unwrap().as_bytes().to_vec();
    let settled = Quarantine { objects: None, alternates, shallow_file: None };
    let settled = Repository::open(&histories.world.repo(), &settled).unwrap();
    assert!(histories.check_trusted(&settled, &settled, &mut random, "settled") > 5_000);
}

#[test]
fn walks_of_random_histories_are_exact() {
    let mut random = Random(0x5eed);
    let histories = Histories::new(&mut random);
    // Git sees the graph that was meant.
    let graph = histories.world.run(
        &["-C", "repo.git", "rev-list", "--parents", "--all"],
        b"",
        &[("GIT_ALTERNATE_OBJECT_DIRECTORIES", histories.quarantine.objects.as_ref().unwrap().to_str().unwrap())],
    );
    assert_eq!(graph.lines().count(), histories.ids.len());
    let numbers: BTreeMap<_, _> = histories.ids.iter().zip(0..).collect();
    for line in graph.lines() {
        let seen: Vec<_> = line.split(' ').map(id).collect();
        let parents: &Vec<usize> = &histories.parents[numbers[&seen[0]]];
        assert_eq!(seen[1..], parents.iter().map(|&parent| histories.ids[parent]).collect::<Vec<_>>());
    }
    let pushed = Repository::open(&histories.world.repo(), &histories.quarantine).unwrap();
    assert!(histories.check(&pushed, &mut random, "pushed") > 5_000);
    let apart = histories.quarantine.objects.clone().unwrap();
    let alternates = apart.to_str().unwrap().as_bytes().to_vec();
    let settled = Quarantine { objects: None, alternates, shallow_file: None };
    let settled = Repository::open(&histories.world.repo(), &settled).unwrap();
    assert!(histories.check(&settled, &mut random, "settled") > 5_000);
}

// The quarantine ------------------------------------------------------------------------------------------------------

#[test]
fn a_quarantine_is_read_loose_and_packed_and_what_it_brings_is_gained() {
    for packed in [false, true] {
        let world = World::new();
        let old = world.commit(&[], "old");
        let (quarantine, environment) = world.quarantine();
        let environment: Vec<_> = environment.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let middle = world.commit_into(&world.repo(), &[old], "middle", &environment);
        let new = world.commit_into(&world.repo(), &[middle], "new", &environment);
        let apart = quarantine.objects.clone().unwrap();
        if packed {
            let pack = apart.join("pack/pack");
            fs::create_dir_all(pack.parent().unwrap()).unwrap();
            let list = format!("{middle}\n{new}\n");
            world.run(&["-C", "repo.git", "pack-objects", "-q", pack.to_str().unwrap()], list.as_bytes(), &environment);
            for id in [middle, new] {
                let hex = id.to_string();
                fs::remove_file(apart.join(&hex[..2]).join(&hex[2..])).unwrap();
            }
        }
        let repository = Repository::open(&world.repo(), &quarantine).unwrap();
        let (visited, walked) = walk(&repository, &select(new, Some(old)));
        assert_eq!(ids(&visited), [new, middle], "packed: {packed}");
        assert!(walked.fast_forward);
        assert_eq!(repository.header(new).unwrap().unwrap().0, ObjectKind::Commit);
        assert_eq!(read(&world.open(), new), Ok(Read::Missing), "packed: {packed}");
    }
}

#[test]
fn a_quarantine_that_is_not_there_is_an_error() {
    let world = World::new();
    let (quarantine, _) = world.quarantine();
    assert!(Repository::open(&world.repo(), &quarantine).is_ok());
    fs::remove_dir(quarantine.objects.as_ref().unwrap()).unwrap();
    let error = Repository::open(&world.repo(), &quarantine).unwrap_err().to_string();
    assert!(error.contains("the quarantine") && error.contains("tmp_objdir-incoming-x"), "{error}");
}

/// What git set for a hook, and a copy of the quarantine as the hook saw it.
struct Received {
    environment: BTreeMap<String, String>,
    quarantine: Quarantine,
}

impl World {
    /// Makes the hooks of `repo.git` note what they see; `pre-receive` keeps a copy of the quarantine.
    fn note_pushes(&self) {
        for hook in ["pre-receive", "update"] {
            let noted = self.path(hook);
            let script = format!(
                "#!/bin/sh\nmkdir {0}\nenv > {0}/env\ntest -z \"$GIT_SHALLOW_FILE\" || cp \"$GIT_SHALLOW_FILE\" {0}/shallow\n\
                 test -z \"$GIT_OBJECT_DIRECTORY\" || cp -r \"$GIT_OBJECT_DIRECTORY\" {0}/objects\n",
                noted.display()
            );
            let path = self.repo().join("hooks").join(hook);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }

    fn received(&self, hook: &str) -> Received {
        let noted = self.path(hook);
        let environment: BTreeMap<_, _> = fs::read_to_string(noted.join("env"))
            .unwrap()
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let value = |name: &str| environment.get(name).cloned();
        let quarantine = Quarantine {
            objects: value("GIT_OBJECT_DIRECTORY").map(|_| noted.join("objects")),
            alternates: value("GIT_ALTERNATE_OBJECT_DIRECTORIES").unwrap_or_default().into_bytes(),
            shallow_file: value("GIT_SHALLOW_FILE").map(|_| noted.join("shallow")),
        };
        Received { environment, quarantine }
    }

    /// A repository `full` with four commits on main, and `cut`, a clone of its last two with one more.
    fn full_and_cut(&self) -> ObjectId {
        self.run(&["init", "-q", "-b", "main", "full"], b"", &[]);
        for message in ["one", "two", "three", "four"] {
            self.run(&["-C", "full", "commit", "-q", "--allow-empty", "-m", message], b"", &[]);
        }
        let url = format!("file://{}", self.path("full").display());
        self.run(&["clone", "-q", "--depth", "2", &url, "cut"], b"", &[]);
        self.run(&["-C", "cut", "commit", "-q", "--allow-empty", "-m", "five"], b"", &[]);
        id(&self.run(&["-C", "cut", "rev-parse", "HEAD"], b"", &[]))
    }
}

#[test]
fn a_real_push_is_read_from_what_receive_pack_sets() {
    for limit in ["1", "100"] {
        let world = World::new();
        let new = world.full_and_cut();
        world.run(&["-C", "full", "push", "-q", "../repo.git", "main"], b"", &[]);
        let old = id(&world.git(&["rev-parse", "main"]));
        world.git(&["config", "receive.unpackLimit", limit]);
        world.note_pushes();
        world.run(&["-C", "cut", "push", "-q", "../repo.git", "main"], b"", &[]);
        let Received { environment, quarantine } = world.received("pre-receive");
        let packs = fs::read_dir(world.path("pre-receive/objects/pack")).map(|entries| entries.count()).unwrap_or(0);
        assert_eq!(packs > 0, limit == "1");
        // A clone that is cut off pushes like any other where the server has what it lacks.
        assert!(!environment.contains_key("GIT_SHALLOW_FILE"), "{environment:?}");
        let repository = Repository::open(&world.repo(), &quarantine).unwrap();
        assert!(!repository.is_shallow().unwrap());
        assert_eq!(ids(&walk(&repository, &select(new, Some(old))).0), [new]);
        // The update hook sees no quarantine: objects have moved.
        let Received { environment, quarantine } = world.received("update");
        assert!(!environment.contains_key("GIT_OBJECT_DIRECTORY"), "{environment:?}");
        let repository = Repository::open(&world.repo(), &quarantine).unwrap();
        assert_eq!(ids(&walk(&repository, &select(new, Some(old))).0), [new]);
    }
}

#[test]
fn a_push_that_cuts_history_off_is_shallow() {
    let world = World::new();
    let new = world.full_and_cut();
    world.git(&["config", "receive.shallowUpdate", "true"]);
    world.note_pushes();
    world.run(&["-C", "cut", "push", "-q", "../repo.git", "main"], b"", &[]);
    for hook in ["pre-receive", "update"] {
        let Received { environment, quarantine } = world.received(hook);
        assert!(environment.contains_key("GIT_SHALLOW_FILE"), "{hook}: {environment:?}");
        assert!(Repository::open(&world.repo(), &quarantine).unwrap().is_shallow().unwrap(), "{hook}");
    }
    // It stays so: what lies behind the boundary is missing, and that is not passed over.
    assert!(!world.open().is_shallow().unwrap());
    let error = world.open().walk(&select(new, None), &mut |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("is missing"), "{error}");
    // An empty file is no boundary; one that git names and that is gone is an error.
    fs::write(world.path("empty"), "").unwrap();
    let empty = Quarantine { shallow_file: Some(world.path("empty")), ..Quarantine::default() };
    assert!(!Repository::open(&world.repo(), &empty).unwrap().is_shallow().unwrap());
    let gone = Quarantine { shallow_file: Some(world.path("gone")), ..Quarantine::default() };
    assert!(Repository::open(&world.repo(), &gone).unwrap().is_shallow().is_err());
}

#[test]
fn a_cut_off_push_that_git_will_refuse_is_undecided_and_the_pusher_is_told_how_to_mend_it() {
    let world = World::new();
    let new = world.full_and_cut();
    world.note_pushes();
    let (pushed, _, told) = world.try_run(&["-C", "cut", "push", "-q", "../repo.git", "main"], b"", &[]);
    assert!(!pushed && told.contains("shallow update not allowed"), "{told}");
    // The hook ran all the same, before git refused, and was told of no boundary.
    let Received { environment, quarantine } = world.received("pre-receive");
    assert!(!environment.contains_key("GIT_SHALLOW_FILE"), "{environment:?}");
    let repository = Repository::open(&world.repo(), &quarantine).unwrap();
    let error = repository.walk(&select(new, None), &mut |_| Ok(())).unwrap_err();
    assert_eq!(error.mends, countersign::error::Mends::Pusher);
    assert!(error.to_string().contains("--unshallow"), "{error}");
}

// Alternates ----------------------------------------------------------------------------------------------------------

#[test]
fn relative_alternates_are_followed_each_from_its_own_folder() {
    let world = World::new();
    let old = world.commit(&[], "in the root of the network");
    world.run(&["init", "-q", "--bare", "pool/a/fork.git"], b"", &[]);
    world.run(&["init", "-q", "--bare", "deep/er/b/fork.git"], b"", &[]);
    let fork = world.path("deep/er/b/fork.git");
    // fork.git → pool/a/fork.git → repo.git; the second path, joined to the first folder, leads nowhere.
    fs::write(fork.join("objects/info/alternates"), "# pool\n../../../../../pool/a/fork.git/objects\n").unwrap();
    fs::write(world.path("pool/a/fork.git/objects/info/alternates"), "\"../../../../repo.git/objects\"\n").unwrap();
    let new = world.commit_into(&fork, &[old], "in the fork", &[]);
    let git = world.run(&["-C", fork.to_str().unwrap(), "cat-file", "-t", &old.to_string()], b"", &[]);
    assert_eq!(git, "commit");
    let repository = Repository::open(&fork, &Quarantine::default()).unwrap();
    assert_eq!(ids(&walk(&repository, &select(new, None)).0), [new, old]);
    assert_eq!(repository.resolve(&new.to_string()).unwrap(), Resolved::Object(new));
    // A circle ends; a folder that is gone is passed over, and what only it had is missing.
    fs::write(world.repo().join("objects/info/alternates"), format!("{}\n", fork.join("objects").display())).unwrap();
    assert_eq!(
        read(&Repository::open(&fork, &Quarantine::default()).unwrap(), old),
        Ok(Read::Object(ObjectKind::Commit))
    );
    fs::write(world.path("pool/a/fork.git/objects/info/alternates"), "/nowhere\n").unwrap();
    let repository = Repository::open(&fork, &Quarantine::default()).unwrap();
    assert_eq!(read(&repository, old), Ok(Read::Missing));
    let error = repository.walk(&select(new, None), &mut |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains(&format!("{old}, a parent of {new}, is missing")), "{error}");
}

#[test]
fn alternates_are_nested_as_deep_as_git_follows_them() {
    let world = World::new();
    let lost = world.commit(&[], "far away");
    let mut next = world.repo();
    for number in 1..=7 {
        let path = world.path(&format!("{number}.git"));
        world.run(&["init", "-q", "--bare", path.to_str().unwrap()], b"", &[]);
        fs::write(path.join("objects/info/alternates"), format!("{}\n", next.join("objects").display())).unwrap();
        let git = world.try_run(&["-C", path.to_str().unwrap(), "cat-file", "-e", &lost.to_string()], b"", &[]);
        let ours = Repository::open(&path, &Quarantine::default()).map(|repository| read(&repository, lost));
        assert_eq!(matches!(ours, Ok(Ok(Read::Object(_)))), git.0, "{number}: {ours:?} {git:?}");
        assert_eq!(git.0, number <= 6, "{number}");
        if let Err(error) = ours {
            assert!(error.to_string().contains("nested"), "{error}");
        }
        next = path;
    }
}

// Refs ----------------------------------------------------------------------------------------------------------------

#[test]
fn refs_are_read_packed_and_loose_with_their_values_unpeeled() {
    let world = World::new();
    let commit = world.commit(&[], "one");
    let other = world.commit(&[commit], "two");
    let tag = id(&world.run(&["-C", "repo.git", "mktag"], tag_of(commit, "commit", "v1").as_bytes(), &[]));
    let creations: String = (0..2000).map(|number| format!("create refs/heads/b{number} {commit}\n")).collect();
    world.run(&["-C", "repo.git", "update-ref", "--stdin"], creations.as_bytes(), &[]);
    world.git(&["update-ref", "refs/tags/v1", &tag.to_string()]);
    world.git(&["pack-refs", "--all"]);
    world.git(&["update-ref", "refs/heads/b7", &other.to_string()]);
    world.git(&["update-ref", "refs/heads/deep/er/x", &other.to_string()]);
    world.git(&["symbolic-ref", "refs/heads/b8", "refs/heads/b7"]);
    fs::write(world.repo().join("refs/heads/b9.lock"), "half").unwrap();
    let refs: BTreeMap<_, _> = world.open().all_refs().unwrap().into_iter().collect();
    let listed = world.git(&["for-each-ref", "--format=%(refname) %(objectname) %(symref)"]);
    let expected: BTreeMap<_, _> = listed
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .filter(|fields| fields.get(2).is_none_or(|target| target.is_empty()))
        .map(|fields| (name(fields[0]), id(fields[1])))
        .collect();
    assert_eq!(refs, expected);
    assert_eq!(refs.len(), 2001);
    assert_eq!((refs[&name("refs/tags/v1")], refs[&name("refs/heads/b7")]), (tag, other));
    fs::write(world.repo().join("refs/heads/broken"), "").unwrap();
    let error = world.open().all_refs().unwrap_err().to_string();
    assert!(error.contains("refs/heads/broken"), "{error}");
    assert!(world.open().references().is_ok());
}

#[test]
fn symbolic_refs_are_followed_by_name_both_ways() {
    let world = World::new();
    world.git(&["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    world.git(&["symbolic-ref", "refs/heads/dangling", "refs/heads/nowhere"]);
    fs::write(world.repo().join("refs/heads/default"), "ref: HEAD\n").unwrap();
    symlink("refs/heads/main", world.repo().join("refs/heads/link")).unwrap();
    let references = world.open().references().unwrap();
    assert_eq!(references.head, Some(name("refs/heads/main")));
    let names = |of: &str| {
        let names: BTreeSet<_> = references.names_of(&name(of)).iter().map(RefName::to_string).collect();
        names.into_iter().collect::<Vec<_>>().join(" ").replace("refs/heads/", "")
    };
    assert_eq!(names("refs/heads/main"), "alias default link main");
    assert_eq!(names("refs/heads/alias"), "alias default link main");
    assert_eq!(names("refs/heads/dangling"), "dangling nowhere");
    assert_eq!(names("refs/heads/nowhere"), "dangling nowhere");
    assert_eq!(names("refs/heads/other"), "other");
    // Git would write through these names too.
    let commit = world.commit(&[], "one");
    for alias in ["alias", "default", "link"] {
        world.git(&["update-ref", &format!("refs/heads/{alias}"), &commit.to_string()]);
        assert_eq!(world.git(&["rev-parse", "refs/heads/main"]), commit.to_string(), "{alias}");
        world.git(&["update-ref", "-d", "refs/heads/main"]);
    }
    world.git(&["update-ref", "--no-deref", "HEAD", &commit.to_string()]);
    assert_eq!(world.open().references().unwrap().head, None);
    fs::write(world.repo().join("refs/heads/odd"), "ref: ../config\n").unwrap();
    let error = world.open().references().unwrap_err().to_string();
    assert!(error.contains("refs/heads/odd"), "{error}");
}

// Objects -------------------------------------------------------------------------------------------------------------

fn tag_of(target: ObjectId, kind: &str, name: &str) -> String {
    format!("object {target}\ntype {kind}\ntag {name}\ntagger A <a@example.com> 1700000000 +0000\n\nmessage\n")
}

#[test]
fn replacements_grafts_and_the_commit_graph_change_nothing() {
    let world = World::new();
    let root = world.commit(&[], "root");
    let tip = world.commit(&[root], "tip");
    let innocent = world.commit(&[], "innocent");
    world.git(&["update-ref", "refs/heads/main", &tip.to_string()]);
    world.git(&["commit-graph", "write", "--reachable"]);
    world.git(&["replace", &tip.to_string(), &innocent.to_string()]);
    fs::create_dir_all(world.repo().join("info")).unwrap();
    fs::write(world.repo().join("info/grafts"), format!("{tip} {innocent}\n")).unwrap();
    assert!(!world.git(&["rev-list", "main"]).contains(&root.to_string()), "git believes them");
    let repository = world.open();
    assert_eq!(ids(&walk(&repository, &select(tip, None)).0), [tip, root]);
    assert_eq!(repository.resolve("main~1").unwrap(), Resolved::Object(root));
    assert!(!repository.is_ancestor(innocent, tip).unwrap());
    // A commit-graph that lies, with the tip's parents exchanged for none, is not asked.
    let graph = world.repo().join("objects/info/commit-graph");
    fs::set_permissions(&graph, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&graph, b"CGPH\x01\x01 nonsense").unwrap();
    assert_eq!(ids(&walk(&world.open(), &select(tip, None)).0), [tip, root]);
    assert_eq!(world.open().resolve("main~1").unwrap(), Resolved::Object(root));
}

#[test]
fn an_object_with_the_content_of_another_is_an_error() {
    let world = World::new();
    let (mine, other) = (world.commit(&[], "mine"), world.commit(&[], "other"));
    let path = |id: ObjectId| {
        let hex = id.to_string();
        world.repo().join("objects").join(&hex[..2]).join(&hex[2..])
    };
    assert_eq!(read(&world.open(), mine), Ok(Read::Object(ObjectKind::Commit)));
    fs::remove_file(path(mine)).unwrap();
    fs::copy(path(other), path(mine)).unwrap();
    let error = read(&world.open(), mine).unwrap_err();
    assert!(error.contains(&format!("its content is that of {other}")), "{error}");
    let error = world.open().walk(&select(mine, None), &mut |_| Ok(())).unwrap_err();
    assert!(error.to_string().contains("the repository is damaged"), "{error}");
    fs::remove_file(path(other)).unwrap();
    assert_eq!(read(&world.open(), other), Ok(Read::Missing));
}

#[test]
fn a_damaged_pack_index_is_an_error_and_not_an_empty_one() {
    let world = World::new();
    let commit = world.commit(&[], "one");
    world.git(&["update-ref", "refs/heads/main", &commit.to_string()]);
    world.git(&["repack", "-adq"]);
    assert_eq!(read(&world.open(), commit), Ok(Read::Object(ObjectKind::Commit)));
    let index = fs::read_dir(world.repo().join("objects/pack")).unwrap().map(|entry| entry.unwrap().path());
    let index = index.into_iter().find(|path| path.extension().unwrap() == "idx").unwrap();
    fs::set_permissions(&index, fs::Permissions::from_mode(0o644)).unwrap();
    fs::write(&index, b"\xfftOc").unwrap();
    let error = read(&world.open(), commit).unwrap_err();
    assert!(error.contains(".idx"), "{error}");
}

#[test]
fn a_repack_between_opening_and_reading_goes_unnoticed() {
    let world = World::new();
    let commits: Vec<_> = (0..3).map(|number| world.commit(&[], &number.to_string())).collect();
    for (number, commit) in commits.iter().enumerate() {
        world.git(&["update-ref", &format!("refs/heads/{number}"), &commit.to_string()]);
        world.git(&["repack", "-dq"]);
    }
    let repository = world.open();
    assert_eq!(read(&repository, commits[0]), Ok(Read::Object(ObjectKind::Commit)));
    world.git(&["repack", "-adq"]);
    for commit in commits {
        assert_eq!(read(&repository, commit), Ok(Read::Object(ObjectKind::Commit)));
    }
}

#[test]
fn deltas_are_resolved() {
    let world = World::new();
    let long = "the same long line in each message\n".repeat(200);
    let commits: Vec<_> = (0..40).map(|number| world.commit(&[], &format!("{number}\n\n{long}{number}"))).collect();
    for (number, commit) in commits.iter().enumerate() {
        world.git(&["update-ref", &format!("refs/heads/{number}"), &commit.to_string()]);
    }
    world.git(&["repack", "-adfq", "--window=50", "--depth=40"]);
    let index = world.git(&["rev-parse", "--git-path", "objects/pack"]);
    let packs = fs::read_dir(world.repo().join(index)).unwrap().map(|entry| entry.unwrap().path());
    let pack = packs.into_iter().find(|path| path.extension().unwrap() == "idx").unwrap();
    assert!(world.git(&["verify-pack", "-v", pack.to_str().unwrap()]).contains("chain length = 1"));
    for commit in commits {
        let mut bytes = Vec::new();
        assert_eq!(world.open().read(commit, &mut bytes).unwrap(), Read::Object(ObjectKind::Commit));
        assert_eq!(world.open().header(commit).unwrap(), Some((ObjectKind::Commit, bytes.len() as u64)));
        assert_eq!(String::from_utf8(bytes).unwrap().trim_end(), world.git(&["cat-file", "-p", &commit.to_string()]));
    }
}

#[test]
fn a_message_of_64_mib_is_judged_and_one_beyond_the_bound_is_not_read() {
    let world = World::new();
    let root = world.commit(&[], "root");
    let raw = world.git(&["cat-file", "-p", &root.to_string()]).into_bytes();
    let large = world.write("commit", &[&raw[..], &vec![b'x'; 64 << 20]].concat());
    assert_eq!(read(&world.open(), large), Ok(Read::Object(ObjectKind::Commit)));
    let huge = [&raw[..], &vec![b'x'; Bounds::OBJECT as usize]].concat();
    let (size, huge) = (huge.len() as u64, world.write("commit", &huge));
    assert_eq!(read(&world.open(), huge), Ok(Read::TooLarge { kind: ObjectKind::Commit, size }));
    let mut visited = Vec::new();
    let mut visit = |commit: countersign::git::Selected<'_>| {
        visited.push((commit.id, commit.bytes.is_some()));
        Ok(())
    };
    world.open().walk(&select(huge, None), &mut visit).unwrap();
    assert_eq!(visited, [(huge, false)]);
}

#[test]
fn tags_are_peeled_and_their_faults_named() {
    let world = World::new();
    let commit = world.commit(&[], "one");
    let tag = |target, kind: &str, name: &str| world.write("tag", tag_of(target, kind, name).as_bytes());
    let inner = tag(commit, "commit", "inner");
    let outer = tag(inner, "tag", "outer");
    let repository = world.open();
    let peeled = repository.peel(outer).unwrap();
    assert_eq!(peeled.layers.iter().map(|layer| layer.0).collect::<Vec<_>>(), [outer, inner]);
    assert!(peeled.layers[0].1.starts_with(format!("object {inner}").as_bytes()));
    assert_eq!((peeled.target, peeled.fault), (Some((commit, ObjectKind::Commit)), None));
    assert_eq!(repository.peel(commit).unwrap().layers, []);
    let lie = tag(commit, "tree", "lie");
    let says = Fault::DeclaredType { says: ObjectKind::Tree, is: ObjectKind::Commit };
    let peeled = repository.peel(lie).unwrap();
    assert_eq!((peeled.target, peeled.fault, peeled.layers.len()), (None, Some((lie, says)), 1));
    let malformed = world.write("tag", b"object nothing\n");
    let peeled = repository.peel(malformed).unwrap();
    assert!(matches!(peeled.fault, Some((id, Fault::Malformed(_))) if id == malformed), "{peeled:?}");
    assert_eq!((peeled.target, peeled.layers.len()), (None, 0));
    let mut deep = commit;
    for number in 0..8 {
        deep = tag(deep, if number == 0 { "commit" } else { "tag" }, "deep");
    }
    assert_eq!(repository.peel(deep).unwrap().target, Some((commit, ObjectKind::Commit)));
    let deeper = tag(deep, "tag", "deeper");
    let peeled = repository.peel(deeper).unwrap();
    assert!(matches!(peeled.fault, Some((_, Fault::TooDeep))) && peeled.target.is_none(), "{peeled:?}");
    let gone = id(&"1234567890".repeat(4));
    let error = repository.peel(tag(gone, "commit", "gone")).unwrap_err().to_string();
    assert!(error.contains(&format!("{gone} is missing")), "{error}");
}

// Opening -------------------------------------------------------------------------------------------------------------

#[test]
fn a_sha256_repository_is_read() {
    let world = World::with(&["--object-format=sha256"]);
    let root = world.commit(&[], "root");
    let tip = world.commit(&[root], "tip");
    world.git(&["update-ref", "refs/heads/main", &tip.to_string()]);
    for pack in [false, true] {
        if pack {
            world.git(&["repack", "-adq"]);
            world.git(&["pack-refs", "--all"]);
        }
        let repository = world.open();
        assert_eq!(repository.format(), ObjectFormat::Sha256);
        assert_eq!(ids(&walk(&repository, &select(tip, Some(root))).0), [tip]);
        assert_eq!(repository.all_refs().unwrap(), [(name("refs/heads/main"), tip)]);
        assert_eq!(repository.resolve("main^").unwrap(), Resolved::Object(root));
        assert_eq!(read(&repository, id(&"12".repeat(20))), Ok(Read::Missing), "the other format's id");
    }
}

#[test]
fn many_loose_objects_are_found_also_while_they_are_packed() {
    let world = World::with(&[]);
    world.git(&["config", "gc.auto", "0"]);
    let mut line = vec![world.commit(&[], "0")];
    for number in 1..150 {
        line.push(world.commit(&[line[line.len() - 1]], &number.to_string()));
    }
    let tip = line[line.len() - 1];
    world.git(&["update-ref", "refs/heads/main", &tip.to_string()]);
    let repository = world.open();
    assert_eq!(ids(&walk(&repository, &select(tip, None)).0).len(), 150);
    assert!(line.iter().all(|&id| repository.is_settled(id).unwrap()));
    let missing = id(&"12".repeat(20));
    assert!(!repository.is_settled(missing).unwrap());
    world.git(&["repack", "-adq"]);
    world.git(&["prune-packed"]);
    // What was listed is gone; the walk finds it elsewhere.
    assert_eq!(ids(&walk(&repository, &select(tip, None)).0).len(), 150);
    assert_eq!(read(&repository, missing), Ok(Read::Missing));
}

#[test]
fn a_linked_work_trees_own_folder_leads_to_the_rest() {
    let world = World::with(&[]);
    let tip = world.commit(&[], "tip");
    world.git(&["update-ref", "refs/heads/main", &tip.to_string()]);
    let own = world.repo().join("worktrees/linked");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    for (commondir, opens) in [("../..\n", true), ("../nowhere\n", false)] {
        fs::write(own.join("commondir"), commondir).unwrap();
        let opened = Repository::open(&own, &Quarantine::default());
        assert_eq!(opened.is_ok(), opens, "{commondir}");
        if let Ok(repository) = opened {
            assert_eq!(repository.all_refs().unwrap(), [(name("refs/heads/main"), tip)]);
        }
    }
}

#[test]
fn what_is_not_known_is_refused_by_name() {
    let accepted = World::with(&["--ref-format=files"]);
    accepted.git(&["config", "core.repositoryFormatVersion", "1"]);
    accepted.git(&["config", "extensions.preciousObjects", "true"]);
    accepted.open();
    accepted.git(&["config", "extensions.refStorage", "files"]);
    accepted.open();
    fs::write(
        accepted.repo().join("config"),
        "[core]\nrepositoryFormatVersion = 1\nbare = true\n[extensions]\nfrobnicate = 7\n",
    )
    .unwrap();
    assert!(accepted.refusal().contains("extension `frobnicate = 7`"), "{}", accepted.refusal());
    fs::write(accepted.repo().join("config"), "[core]\nrepositoryFormatVersion = 2\nbare = true\n").unwrap();
    assert!(accepted.refusal().contains("format version"), "{}", accepted.refusal());
    let formats = [("sha1", true), ("SHA1", false), ("sha512", false)];
    for (format, opens) in formats {
        let config =
            format!("[core]\nrepositoryFormatVersion = 1\nbare = true\n[extensions]\nobjectFormat = {format}\n");
        fs::write(accepted.repo().join("config"), config).unwrap();
        match opens {
            true => drop(accepted.open()),
            false => assert!(accepted.refusal().contains("extension `objectformat = "), "{}", accepted.refusal()),
        }
    }
    fs::write(accepted.repo().join("config"), "[core\n").unwrap();
    assert!(accepted.refusal().contains("/config: "), "{}", accepted.refusal());
    let reftable = World::with(&["--ref-format=reftable"]);
    assert!(reftable.refusal().contains("`reftable`, which is not supported"), "{}", reftable.refusal());
    fs::remove_dir_all(reftable.repo().join("reftable")).unwrap();
    assert!(reftable.refusal().contains("extension `refstorage = reftable`"), "{}", reftable.refusal());
    fs::remove_dir_all(reftable.repo()).unwrap();
    assert!(reftable.refusal().contains("opening the repository"), "{}", reftable.refusal());
}

/// Where the child process of the test below finds the repository.
const OPENS: &str = "COUNTERSIGN_TEST_OPENS";

#[test]
fn the_environment_is_not_believed() {
    if let Some(repo) = std::env::var_os(OPENS) {
        let repository = Repository::open(Path::new(&repo), &Quarantine::default()).unwrap();
        let [(main, tip), ..] = &repository.all_refs().unwrap()[..] else { panic!("no refs") };
        assert_eq!((main, repository.references().unwrap().head.as_ref()), (&name("refs/heads/main"), Some(main)));
        assert_eq!(walk(&repository, &select(*tip, None)).1.visited, 2);
        assert_eq!(repository.resolve("main").unwrap(), Resolved::Object(*tip));
        assert!(matches!(repository.resolve("main^").unwrap(), Resolved::Object(_)));
        assert!(!repository.is_shallow().unwrap());
        return;
    }
    let world = World::new();
    let root = world.commit(&[], "root");
    let tip = world.commit(&[root], "tip");
    let innocent = world.commit(&[], "innocent");
    world.git(&["update-ref", "refs/heads/main", &tip.to_string()]);
    world.git(&["update-ref", &format!("refs/swap/{tip}"), &innocent.to_string()]);
    let (other, grafts, shallow) = (World::new(), world.path("grafts"), world.path("shallow"));
    fs::write(&grafts, format!("{tip}\n")).unwrap();
    fs::write(&shallow, format!("{tip}\n")).unwrap();
    let hostile: [(&str, PathBuf); 12] = [
        ("GIT_DIR", other.repo()),
        ("GIT_COMMON_DIR", other.repo()),
        ("GIT_OBJECT_DIRECTORY", other.repo().join("objects")),
        ("GIT_WORK_TREE", other.repo()),
        ("GIT_NAMESPACE", "elsewhere".into()),
        ("GIT_REPLACE_REF_BASE", "refs/swap/".into()),
        ("GIT_GRAFT_FILE", grafts),
        ("GIT_SHALLOW_FILE", shallow),
        ("GIT_CONFIG_COUNT", "1".into()),
        ("GIT_CONFIG_KEY_0", "extensions.frobnicate".into()),
        ("GIT_CONFIG_VALUE_0", "true".into()),
        ("GIT_CONFIG_PARAMETERS", "'core.useReplaceRefs'='true'".into()),
    ];
    let this_test = ["--exact", "repository::the_environment_is_not_believed"];
    // Git runs a hook in the repository and calls it `.`.
    for path in [world.repo(), ".".into()] {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(this_test)
            .envs(hostile.clone())
            .env(OPENS, path)
            .current_dir(world.repo())
            .output()
            .unwrap();
        let out = String::from_utf8_lossy(&child.stdout);
        assert!(child.status.success() && out.contains("1 passed"), "{out}");
    }
}

// Revisions -----------------------------------------------------------------------------------------------------------

#[test]
fn revisions_are_what_git_takes_them_for() {
    let world = World::new();
    let root = world.commit(&[], "root");
    let side = world.commit(&[root], "side");
    let tip = world.commit(&[root, side], "tip");
    let tag = world.write("tag", tag_of(tip, "commit", "v1").as_bytes());
    for (name, id) in [("heads/main", tip), ("tags/v1", tag), ("heads/side", side)] {
        world.git(&["update-ref", &format!("refs/{name}"), &id.to_string()]);
    }
    let repository = world.open();
    let full = tip.to_string();
    for spec in
        ["main", "HEAD", "HEAD~1", "main^2", "v1", "v1^{commit}", "refs/tags/v1", &full, &full[..9], "heads/side"]
    {
        assert_eq!(repository.resolve(spec).unwrap(), Resolved::Object(id(&world.git(&["rev-parse", spec]))), "{spec}");
    }
    for spec in ["side..main", "side..v1", "main^!"] {
        let Resolved::Range { tip, excluded } = repository.resolve(spec).unwrap() else { panic!("{spec}") };
        let selection = Selection { tip, old: None, baselines: excluded, first_parent: false };
        let ours: BTreeSet<_> =
            walk(&repository, &selection).0.into_iter().filter(|&(_, gained, _)| gained).map(|(id, ..)| id).collect();
        assert_eq!(ours, world.git(&["rev-list", spec]).lines().map(id).collect(), "{spec}");
    }
    for spec in ["nothing", "main...side", "^main", "main^3", "", "main:nowhere", &"ab".repeat(20)] {
        let error = repository.resolve(spec).unwrap_err();
        assert_eq!(error.mends, countersign::error::Mends::Pusher, "{spec}: {error}");
    }
}
