//! A server that knows who pushes, on which nobody is alone: what the tests of approvals and of emergencies share.

use crate::support::{Pushed, World, keys::*, objects, set_mode};
use std::{collections::BTreeSet, fs};

pub const MAIN: &str = "refs/heads/main";
pub const RELEASE: &str = "refs/heads/release/1";
pub const DAVE: &str = "Dave Example <dave@example.com>";

/// One of the three others has approved.
pub const REVIEW: &str = "review = [ { approvals = 1 } ]";

/// Everybody with a key is a person; Bob has an email that he used before.
const PEOPLE: &str = "[[signer]]\nid = 'alice'\nemails = ['alice@example.com']\naccounts = ['alice']\n\
                      [[signer]]\nid = 'bob'\nemails = ['bob@example.com', 'bob@old.example']\naccounts = ['bob']\n\
                      [[signer]]\nid = 'dave'\nemails = ['dave@example.com']\naccounts = ['dave']\n\
                      [[signer]]\nid = 'erin'\nemails = ['erin@example.com']\naccounts = ['erin']\n";

pub struct Server {
    pub world: World,
    /// What `main` is at first; nothing is recorded of it.
    pub root: String,
}

impl Server {
    /// One rule with these lines for `main` and releases.
    pub fn new(lines: &str) -> Self {
        Self::of(World::new(), lines)
    }

    pub fn of(world: World, lines: &str) -> Self {
        world.policy(&policy(lines));
        let root = objects::unsigned(&world, &[], "root");
        world.push_without_hook(&[&format!("{root}:{MAIN}")]);
        let server = Self { world, root };
        server.people(PEOPLE);
        server
    }

    /// These are the people, beside whoever has a key.
    pub fn people(&self, text: &str) {
        let path = self.world.registry_path().join("signers.toml");
        fs::write(&path, text).unwrap();
        set_mode(&path, 0o644);
    }

    /// These lines as well as what everybody is known by.
    pub fn more_people(&self, text: &str) {
        self.people(&format!("{PEOPLE}{text}"));
    }

    /// A line in `allowed_signers`: somebody else's key.
    pub fn also_signs(&self, email: &str, key: &str) {
        let path = self.world.registry_path().join("allowed_signers");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}{email} {}\n", public_ssh(key))).unwrap();
    }

    /// A commit of Alice's, not signed.
    pub fn commit(&self, parents: &[&str], message: &str) -> String {
        objects::unsigned(&self.world, parents, message)
    }

    pub fn commit_by(&self, person: &str, parents: &[&str], message: &str) -> String {
        objects::Commit::new(&self.world, parents, message).by(person).unsigned(&self.world)
    }

    /// A tag signed by this key.
    pub fn tag(&self, key: &str, (target, kind): (&str, &str), name: &str, message: &str) -> String {
        let payload = format!(
            "object {target}\ntype {kind}\ntag {name}\ntagger {} 1700000000 +0000\n\n{message}\n",
            objects::ALICE
        );
        objects::write(&self.world, "tag", (payload.clone() + &sign(key, payload.as_bytes())).as_bytes())
    }

    /// What its owner pushes to approve a commit with this key.
    pub fn approval(&self, key: &str, name: &str, commit: &str) -> String {
        self.approval_that_says(key, name, commit, "Approved")
    }

    pub fn approval_that_says(&self, key: &str, name: &str, commit: &str, message: &str) -> String {
        let at = format!("approvals/{name}/{commit}/{}", owner(key));
        format!("{}:refs/{at}", self.tag(key, (commit, "commit"), &at, message))
    }

    /// The owner of the key approves.
    #[track_caller]
    pub fn approve(&self, key: &str, name: &str, commit: &str) {
        self.accepts(owner(key), &[&self.approval(key, name, commit)]);
    }

    /// An empty commit that declares an emergency of this ref.
    pub fn emergency(&self, key: &str, parents: &[&str], name: &str) -> String {
        self.commit_that_says(key, parents, &declaration("INC-42", name))
    }

    /// A commit by the owner of the key.
    pub fn commit_that_says(&self, key: &str, parents: &[&str], message: &str) -> String {
        objects::Commit::new(&self.world, parents, message).by(person(key)).signed(&self.world, key)
    }

    /// What is pushed to declare an emergency by a tag.
    pub fn emergency_tag(&self, key: &str, commit: &str, name: &str, ticket: &str) -> String {
        let at = format!("emergencies/{ticket}/1");
        format!("{}:refs/{at}", self.tag(key, (commit, "commit"), &at, &declaration(ticket, name)))
    }

    pub fn push(&self, account: &str, refspecs: &[&str]) -> Pushed {
        self.push_in(&[("GITEA_PUSHER_NAME", account)], refspecs)
    }

    pub fn push_in(&self, environment: &[(&str, &str)], refspecs: &[&str]) -> Pushed {
        let mut command = self.world.command("git", &self.world.clone_path());
        command.arg("push").arg(self.world.server()).args(refspecs).envs(environment.iter().copied());
        self.world.pushed_by(command)
    }

    /// Without a word.
    #[track_caller]
    pub fn accepts(&self, account: &str, refspecs: &[&str]) -> Pushed {
        let pushed = self.push(account, refspecs);
        pushed.expect_accepted();
        pushed
    }

    /// For these reasons and no other.
    #[track_caller]
    pub fn refuses(&self, account: &str, refspecs: &[&str], reasons: &[&str]) -> Pushed {
        let pushed = self.push(account, refspecs);
        self.was_refused(&pushed, reasons);
        pushed
    }

    #[track_caller]
    pub fn was_refused(&self, pushed: &Pushed, reasons: &[&str]) {
        self.world.was_refused(pushed, reasons);
        assert_eq!(self.world.found_by_hook("refuses"), set(reasons), "{}", pushed.output);
    }

    /// An emergency waives what is found for these reasons.
    #[track_caller]
    pub fn waives(&self, account: &str, refspecs: &[&str], reasons: &[&str]) -> Pushed {
        let pushed = self.push(account, refspecs);
        self.was_waived(&pushed, reasons);
        pushed
    }

    #[track_caller]
    pub fn was_waived(&self, pushed: &Pushed, reasons: &[&str]) {
        assert!(pushed.succeeded && pushed.hook == Some(0), "{}", pushed.output);
        assert_eq!(self.world.found_by_hook("waived"), set(reasons), "{}", pushed.output);
        assert!(pushed.told().contains("` is waived (record "), "{}", pushed.output);
    }
}

/// One rule for `main` and releases.
pub fn policy(lines: &str) -> String {
    format!(
        "version = 1\nunmatched-refs = \"accept\"\nserver = \"gitea\"\n[[rule]]\nname = \"shared\"\n\
         refs = [\"{MAIN}\", \"refs/heads/release/**\"]\n{lines}\n"
    )
}

/// The message of a commit or tag.
pub fn declaration(ticket: &str, name: &str) -> String {
    format!("Break glass\n\nEmergency: {ticket} the site is down\nEmergency-Ref: {name}")
}

/// `alice` for her key.
pub fn owner(key: &str) -> &str {
    key.split('-').next().unwrap()
}

fn person(key: &str) -> &'static str {
    match owner(key) {
        "alice" => objects::ALICE,
        "bob" => objects::BOB,
        "dave" => DAVE,
        _ => "Somebody Else <somebody@example.net>",
    }
}

fn set(reasons: &[&str]) -> BTreeSet<String> {
    reasons.iter().map(|&reason| reason.to_owned()).collect()
}

pub fn to(id: &str, name: &str) -> String {
    format!("{id}:{name}")
}
