//! What is pushed: signed histories and registries, made in process and written as packs, in seconds instead of the hours that
//! `git commit -S` would take. The same bytes every time, kept under `target/bench-corpora`.
#![allow(dead_code, unused_imports, reason = "each benchmark uses some of it")]

mod armor;
mod history;
mod openpgp;
mod pack;
mod signer;
mod ssh;

pub use history::signed;
pub use pack::write_loose;
pub use signer::Signer;

use history::History;
use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

/// To be raised with any change of what is made.
const VERSION: &str = "1";

/// A history, and a registry that knows who signed it.
pub struct Corpus {
    folder: PathBuf,
    /// Ids of the commits, parents first.
    pub commits: Vec<String>,
}

impl Corpus {
    /// A line of commits by one signer with ssh-ed25519.
    pub fn ssh(count: usize) -> Self {
        Self::line(&format!("ssh-{count}"), count, || vec![Signer::ssh(0)])
    }

    /// A line of commits by one signer with OpenPGP and Ed25519.
    pub fn openpgp(count: usize) -> Self {
        Self::line(&format!("openpgp-{count}"), count, || vec![Signer::openpgp(0)])
    }

    /// A line of commits by one signer with OpenPGP and RSA of 4096 bits.
    pub fn rsa(count: usize) -> Self {
        Self::line(&format!("rsa-{count}"), count, || vec![Signer::rsa(0)])
    }

    /// A line of commits by ten signers in turn: five with SSH, three with OpenPGP and Ed25519, two with RSA.
    pub fn mixed(count: usize) -> Self {
        Self::line(&format!("mixed-{count}"), count, Signer::ten)
    }

    /// A first commit of 50,000 files, and a line of commits which change five each. Signed with ssh-ed25519.
    pub fn changes(count: usize) -> Self {
        Self::made(&format!("changes-{count}"), || {
            let signer = Signer::ssh(0);
            (History::changes(&signer, count), vec![signer])
        })
    }

    /// A first commit, and so many that have it as their parent. Signed with ssh-ed25519.
    pub fn fan(count: usize) -> Self {
        Self::made(&format!("fan-{count}"), || {
            let signer = Signer::ssh(0);
            (History::fan(&signer, count), vec![signer])
        })
    }

    /// A line of commits, and a repository that has all but the last and so many packed refs to them: `refs/heads/main` to
    /// the newest that it has. Signed with ssh-ed25519.
    pub fn with_refs(count: usize, refs: usize) -> Self {
        let name = format!("ssh-{count}-refs-{refs}");
        Self::kept(&name, |folder| {
            let signer = Signer::ssh(0);
            let history = History::line(std::slice::from_ref(&signer), count + 1);
            let mut lines = vec![format!("{} refs/heads/main\n", history.commits[count - 1])];
            lines.extend((1..refs).map(|number| {
                let commit = &history.commits[number * 7919 % count];
                format!("{commit} refs/heads/topic/{}/{number}\n", number % 100)
            }));
            lines.sort_by(|one, other| one[41..].cmp(&other[41..]));
            write(folder, history, &[signer]);
            let packed = format!("# pack-refs with: peeled fully-peeled sorted \n{}", lines.concat());
            fs::write(folder.join("repository.git/packed-refs"), packed).unwrap();
        })
    }

    /// A line of commits that nobody signed.
    pub fn unsigned(count: usize) -> Self {
        Self::made(&format!("unsigned-{count}"), || (History::unsigned(count), Vec::new()))
    }

    fn line(name: &str, count: usize, signers: impl FnOnce() -> Vec<Signer>) -> Self {
        Self::made(name, || {
            let signers = signers();
            (History::line(&signers, count), signers)
        })
    }

    fn made(name: &str, make: impl FnOnce() -> (History, Vec<Signer>)) -> Self {
        Self::kept(name, |folder| {
            let (history, signers) = make();
            write(folder, history, &signers);
        })
    }

    fn kept(name: &str, make: impl FnOnce(&Path)) -> Self {
        let folder = kept(name, make);
        let commits = fs::read_to_string(folder.join("commits")).unwrap().lines().map(str::to_owned).collect();
        Self { folder, commits }
    }

    /// A bare repository that holds the commits; without refs, unless said otherwise.
    pub fn repository(&self) -> PathBuf {
        self.folder.join("repository.git")
    }

    pub fn registry(&self) -> PathBuf {
        self.folder.join("registry")
    }

    pub fn tip(&self) -> &str {
        self.commits.last().unwrap()
    }

    /// The tree of the tip.
    pub fn tree(&self) -> String {
        let mut show = Command::new("git");
        show.arg("-C").arg(self.repository()).args(["rev-parse", &format!("{}^{{tree}}", self.tip())]);
        String::from_utf8(show.output().unwrap().stdout).unwrap().trim().to_owned()
    }

    /// Puts its pack into an object folder.
    pub fn link_into(&self, objects: &Path) {
        fs::create_dir_all(objects.join("pack")).unwrap();
        for file in fs::read_dir(self.repository().join("objects/pack")).unwrap() {
            let file = file.unwrap();
            fs::hard_link(file.path(), objects.join("pack").join(file.file_name())).unwrap();
        }
    }
}

/// A registry of so many OpenPGP certificates and as many SSH keys; who signs [`Corpus::ssh`] and [`Corpus::openpgp`] is in it.
pub fn registry(count: usize) -> PathBuf {
    kept(&format!("registry-{count}"), |folder| {
        let signers: Vec<_> = (0..count).flat_map(|number| [Signer::ssh(number), Signer::openpgp(number)]).collect();
        Signer::write_registry(&signers, folder);
    })
}

/// All that was made before is made anew.
pub fn forget() {
    drop(fs::remove_dir_all(root()));
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench-corpora")
}

/// The folder of this name, which is made if it is not there.
pub fn kept(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    let folder = root().join(format!("{name}.v{VERSION}"));
    if !folder.exists() {
        let unfinished = root().join(format!("{name}.unfinished-{}", std::process::id()));
        fs::create_dir_all(&unfinished).unwrap();
        make(&unfinished);
        fs::rename(&unfinished, &folder).unwrap();
    }
    folder
}

fn write(folder: &Path, history: History, signers: &[Signer]) {
    Signer::write_registry(signers, &folder.join("registry"));
    let commits = history.commits.iter().fold(String::new(), |mut lines, commit| {
        writeln!(lines, "{commit}").unwrap();
        lines
    });
    fs::write(folder.join("commits"), commits).unwrap();
    let repository = folder.join("repository.git");
    git(&["init", "--quiet", "--bare", "--initial-branch", "main", repository.to_str().unwrap()], &[]);
    git(&["-C", repository.to_str().unwrap(), "index-pack", "--stdin"], &history.pack.finish());
}

fn git(arguments: &[&str], stdin: &[u8]) {
    let mut git = Command::new("git");
    git.args(arguments).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    let mut git = git.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut input = git.stdin.take().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || std::io::Write::write_all(&mut input, stdin).unwrap());
    });
    assert!(git.wait().unwrap().success(), "git {arguments:?}");
}
