//! What commits there are, and what they change.

use super::{
    pack::{Kind, Object, Pack, Tree},
    signer::Signer,
};

/// A pack that is being filled with commits.
pub struct History {
    pub pack: Pack,
    /// Ids, in the order in which they were added.
    pub commits: Vec<String>,
}

impl History {
    fn new() -> Self {
        Self { pack: Pack::new(), commits: Vec::new() }
    }

    /// A line of commits of one tree, signed by these in turn.
    pub fn line(signers: &[Signer], count: usize) -> Self {
        let mut history = Self::new();
        let tree = history.small_tree();
        for number in 0..count {
            let parent = history.commits.last().cloned();
            history.commit(&signers[number % signers.len()], &tree, parent);
        }
        history
    }

    /// One commit, and so many on top of it, beside each other.
    pub fn fan(signer: &Signer, count: usize) -> Self {
        let mut history = Self::new();
        let tree = history.small_tree();
        for _ in 0..=count {
            let parent = history.commits.first().cloned();
            history.commit(signer, &tree, parent);
        }
        history
    }

    /// A first commit of 50,000 files, and a line of commits on top of it which change five files each.
    pub fn changes(signer: &Signer, count: usize) -> Self {
        let mut history = Self::new();
        let mut files = Files::new(&mut history.pack);
        history.commit(signer, &files.root.object(), None);
        for number in 0..count {
            let tree = files.change(&mut history.pack, number);
            let parent = history.commits.last().cloned();
            history.commit(signer, &tree, parent);
        }
        history
    }

    /// A line of commits of one tree which nobody signed, of the year 2015 and after.
    pub fn unsigned(count: usize) -> Self {
        let mut history = Self::new();
        let tree = history.small_tree().hex();
        for number in 0..count {
            let seconds = u32::try_from(1_430_000_000 + 60 * number).unwrap();
            let parent = history.commits.last().map(String::as_str);
            let commit = unsigned(&tree, parent, "past@example.com", seconds, number);
            let commit = history.pack.add(Kind::Commit, commit.as_bytes());
            history.commits.push(commit.hex());
        }
        history
    }

    fn small_tree(&mut self) -> Object {
        let blob = self.pack.add(Kind::Blob, b"what the benchmark pushes\n");
        Tree::new(&mut self.pack, &[("100644", "notes".into(), blob.id)]).object()
    }

    fn commit(&mut self, signer: &Signer, tree: &Object, parent: Option<String>) {
        let number = self.commits.len();
        let seconds = u32::try_from(1_700_000_000 + 60 * number).unwrap();
        let commit = signed(&tree.hex(), parent.as_deref(), signer, seconds, number);
        let commit = self.pack.add(Kind::Commit, commit.as_bytes());
        self.commits.push(commit.hex());
    }
}

/// The bytes of a commit; `number` tells it from others.
pub fn signed(tree: &str, parent: Option<&str>, signer: &Signer, seconds: u32, number: usize) -> String {
    let unsigned = unsigned(tree, parent, &signer.email, seconds, number);
    let armor = signer.sign(unsigned.as_bytes(), seconds);
    let (headers, message) = unsigned.split_once("\n\n").unwrap();
    format!("{headers}\ngpgsig {}\n\n{message}", armor.trim_end().replace('\n', "\n "))
}

/// The same, which nobody signed.
pub fn unsigned(tree: &str, parent: Option<&str>, email: &str, seconds: u32, number: usize) -> String {
    let parent = parent.map(|parent| format!("parent {parent}\n")).unwrap_or_default();
    let person = format!("Somebody Else <{email}> {seconds} +0100");
    let headers = format!("tree {tree}\n{parent}author {person}\ncommitter {person}\n");
    let message =
        format!("Change number {number}\n\nWhat it is for, and why it is done in this way and not otherwise.\n");
    format!("{headers}\n{message}")
}

/// Files in each folder, folders in each part, parts: 50,000 files.
const FOLDER: usize = 50;
const PART: usize = 50;
const PARTS: usize = 20;

/// `part-N/folder-N/file-N.txt`.
struct Files {
    root: Tree,
    parts: Vec<Tree>,
    folders: Vec<Tree>,
}

impl Files {
    fn new(pack: &mut Pack) -> Self {
        let mut entries = |folder: usize| -> Vec<_> {
            let file = |number| {
                let blob = pack.add(Kind::Blob, format!("file {number} of folder {folder}\n").as_bytes());
                ("100644", format!("file-{number:02}.txt"), blob.id)
            };
            (0..FOLDER).map(file).collect()
        };
        let folders: Vec<_> = (0..PART * PARTS).map(&mut entries).collect();
        let folders: Vec<_> = folders.iter().map(|entries| Tree::new(pack, entries)).collect();
        let named = |name: &str, trees: &[Tree]| -> Vec<_> {
            let trees = trees.iter().enumerate();
            trees.map(|(number, tree)| ("40000", format!("{name}-{number:02}"), tree.object().id)).collect()
        };
        let parts: Vec<_> = folders.chunks(PART).map(|folders| Tree::new(pack, &named("folder", folders))).collect();
        Self { root: Tree::new(pack, &named("part", &parts)), parts, folders }
    }

    /// Two files each in two folders of one part, one in another part.
    fn change(&mut self, pack: &mut Pack, number: usize) -> Object {
        let somewhere = scattered(number);
        let (part, folder, file) = (somewhere % PARTS, somewhere / 32 % PART, somewhere / 2048 % FOLDER);
        let (beside, elsewhere) = ((folder + 1) % PART, (part + 7) % PARTS);
        for (part, folder, files) in [(part, folder, 2), (part, beside, 2), (elsewhere, folder, 1)] {
            let tree = &mut self.folders[part * PART + folder];
            for file in (file..file + files).map(|file| file % FOLDER) {
                let content = format!("file {file} as of change {number} in folder {folder} of part {part}\n");
                tree.set(file, pack.add(Kind::Blob, content.as_bytes()).id);
            }
            let written = tree.write(pack);
            self.parts[part].set(folder, written.id);
        }
        for part in [part, elsewhere] {
            let written = self.parts[part].write(pack);
            self.root.set(part, written.id);
        }
        self.root.write(pack)
    }
}

/// Any number, the same for the same one (splitmix64).
fn scattered(number: usize) -> usize {
    let mut bits = (number as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    (bits ^ bits >> 31) as usize >> 1
}
