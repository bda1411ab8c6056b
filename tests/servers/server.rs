//! One kind of server as it is tested, and pushing to it.

use crate::{
    process::Process,
    site::Site,
    support::{Pushed, keys, objects, run},
};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A running server with one repository, which Alice and Bob may push to.
pub struct Server {
    /// Ended before the files go.
    pub _processes: Vec<Process>,
    pub site: Site,
    /// Its row in the manual.
    pub name: &'static str,
    pub repository: PathBuf,
    /// Of the account that install.sh is run as.
    pub home: PathBuf,
    /// What install.sh is told, but for where things are.
    pub install: Vec<String>,
    /// `server` in the policy.
    pub believed: Option<&'static str>,
    /// How the clone's git reaches it, as Alice and as Bob.
    pub remotes: [Remote; 2],
    /// What an uninstallation leaves as it was.
    pub files: Vec<PathBuf>,
    /// Where a hook of the administrator's own is run beside ours, and what then makes the server run it.
    pub other_hook: PathBuf,
    pub prepare_other: fn(&Site),
    /// Where the hook `update` goes, and what then makes the server run it.
    pub update_hook: PathBuf,
    pub prepare_update: fn(&Site),
    /// What each line that the program tells begins with, to a client.
    pub prefix: &'static str,
    /// What it cannot do, and why.
    pub cannot: &'static [(Capability, &'static str)],
}

/// How git reaches the repository.
pub struct Remote {
    pub address: String,
    pub environment: Vec<(&'static str, String)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Capability {
    PusherKnown,
    PushOptions,
    PushCertificates,
    UpdateHook,
    RefusalShown,
    Atomic,
    Tags,
    Deletion,
    UninstallClean,
}

impl Capability {
    /// With the head of its column in the manual.
    pub const ALL: &[(Self, &str)] = &[
        (Self::PusherKnown, "pusher known"),
        (Self::PushOptions, "push options"),
        (Self::PushCertificates, "signed pushes"),
        (Self::UpdateHook, "hook `update`"),
        (Self::RefusalShown, "refusal shown"),
        (Self::Atomic, "`--atomic`"),
        (Self::Tags, "tags"),
        (Self::Deletion, "deletion"),
        (Self::UninstallClean, "uninstalls clean"),
    ];
}

#[derive(Clone, Copy)]
pub enum Person {
    Alice,
    Bob,
}

impl Server {
    /// The options of install.sh for all repositories there.
    pub fn options(kind: &str, site: &Site) -> Vec<String> {
        ["--server", kind, "--repos", site.root().to_str().unwrap()].map(str::to_owned).to_vec()
    }

    /// Pushes from the clone, in which this person signs.
    pub fn push(&self, person: Person, options: &[&str], refspecs: &[&str]) -> Pushed {
        let (key, remote) = match person {
            Person::Alice => (keys::ALICE_SSH, &self.remotes[0]),
            Person::Bob => (keys::BOB_SSH, &self.remotes[1]),
        };
        let world = &self.site.world;
        world.work_as(key);
        let mut command = world.command("git", &world.clone_path());
        command.envs(remote.environment.iter().map(|(name, value)| (name, value)));
        command.arg("push").args(options).arg(&remote.address).args(refspecs);
        self.pushed(command)
    }

    fn pushed(&self, command: Command) -> Pushed {
        let before = self.site.refs(&self.repository);
        let output = run(command, b"");
        let text = [output.stdout, output.stderr].concat();
        Pushed {
            succeeded: output.status.success(),
            output: String::from_utf8_lossy(&text).into_owned(),
            hook: None,
            before,
            after: self.site.refs(&self.repository),
        }
    }

    /// Pushes what must come in without a word of warning.
    #[track_caller]
    pub fn accepts(&self, person: Person, options: &[&str], refspecs: &[&str]) -> Pushed {
        let pushed = self.push(person, options, refspecs);
        pushed.expect_accepted();
        assert_ne!(pushed.before, pushed.after, "{}", pushed.output);
        pushed
    }

    /// Pushes what must change nothing, and be told of in these words.
    #[track_caller]
    pub fn refuses(&self, options: &[&str], refspecs: &[&str], words: &str) -> Pushed {
        let pushed = self.push(Person::Alice, options, refspecs);
        assert!(!pushed.succeeded && pushed.output.contains(words), "`{words}`: {}", pushed.output);
        assert_eq!(pushed.before, pushed.after, "{}", pushed.output);
        pushed
    }

    /// A new commit on a ref, or its first, which Alice signed.
    pub fn signed(&self, name: &str, message: &str) -> String {
        let tip = self.site.refs(&self.repository).get(name).cloned();
        let parents: Vec<&str> = tip.iter().map(String::as_str).collect();
        objects::by_alice(&self.site.world, &parents, message)
    }

    pub fn unsigned(&self, name: &str, message: &str) -> String {
        let tip = self.site.refs(&self.repository).get(name).cloned();
        let parents: Vec<&str> = tip.iter().map(String::as_str).collect();
        objects::unsigned(&self.site.world, &parents, message)
    }

    pub fn configure(&self, settings: &[(&str, &str)]) {
        for (name, value) in settings {
            self.site.git(&self.repository, &["config", name, value]);
        }
    }

    #[track_caller]
    pub fn install(&self) {
        self.installs(&[]);
    }

    #[track_caller]
    pub fn uninstall(&self) {
        self.installs(&["--uninstall"]);
    }

    #[track_caller]
    fn installs(&self, more: &[&str]) {
        let (succeeded, told) = self.try_install(more);
        assert!(succeeded, "{told}");
    }

    /// Whether install.sh refused nothing, and what it tells.
    pub fn try_install(&self, more: &[&str]) -> (bool, String) {
        let options: Vec<&str> = self.install.iter().map(String::as_str).chain(more.iter().copied()).collect();
        self.site.install(&self.home, &options)
    }

    /// A hook that notes its environment and lets everything through.
    pub fn write_noting_hook(&self, path: &Path, note: &str) {
        let script = format!("#!/bin/sh\nenv >'{}'\n", self.note(note).display());
        self.site.make_folder(path.parent().unwrap());
        self.site.write(path, &script, 0o755);
    }

    pub fn note(&self, name: &str) -> PathBuf {
        self.site.path("seen").join(name)
    }
}
