//! The commands by which a ledger is checked and shown to others, on what real pushes left.

use crate::support::{World, keys, objects, run};
use std::{fs, path::PathBuf};

/// A server to which something was pushed.
pub struct Site {
    pub world: World,
    /// What the last push was told.
    pub told: String,
    pub tip: String,
}

impl Site {
    pub fn new() -> Self {
        let world = World::with_signed_main();
        let tip = objects::signed(&world, keys::ALICE_SSH, &[], "one");
        let told = world.accepts(&[&format!("{tip}:refs/heads/main")]).output;
        Self { world, told, tip }
    }

    pub fn push(&mut self) {
        self.tip = objects::signed(&self.world, keys::ALICE_SSH, &[&self.tip], "more");
        self.told = self.world.accepts(&[&format!("{}:refs/heads/main", self.tip)]).output;
    }

    /// A command on its ledger: the exit status, results and complaints.
    pub fn ledger(&self, arguments: &[&str]) -> (i32, String, String) {
        let ours = self.path("ledger");
        match arguments.contains(&"--ledger") {
            true => self.alone(arguments),
            false => self.alone(&[arguments, &["--ledger", &ours]].concat()),
        }
    }

    /// The same, on what is named and nothing else.
    pub fn alone(&self, arguments: &[&str]) -> (i32, String, String) {
        let mut command = self.world.command(env!("CARGO_BIN_EXE_countersign"), &self.world.path(""));
        command.arg("ledger").args(arguments);
        let output = run(command, b"");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    }

    /// The results of a command that has to end so.
    #[track_caller]
    pub fn ends(&self, status: i32, arguments: &[&str]) -> String {
        let (found, out, error) = self.ledger(arguments);
        assert_eq!(found, status, "{arguments:?}: {out}{error}");
        out + &error
    }

    /// As a backup by `sqlite3 ledger.sqlite "VACUUM INTO '…'"`.
    pub fn copy_ledger(&self, folder: &str) {
        fs::create_dir(self.path(folder)).unwrap();
        let database = rusqlite::Connection::open(self.path("ledger/ledger.sqlite")).unwrap();
        database.execute("VACUUM INTO ?1", [format!("{}/ledger.sqlite", self.path(folder))]).unwrap();
    }

    pub fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub fn path(&self, name: &str) -> String {
        self.world.path(name).to_str().unwrap().to_owned()
    }

    pub fn key_file(&self) -> PathBuf {
        self.world.path("ledger/key.pub")
    }

    pub fn records(&self) -> u64 {
        self.json(&["verify"])["records"].as_u64().unwrap()
    }

    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let (_, out, error) = self.ledger(&[arguments, &["--format", "json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}"))
    }

    /// The codes of what `verify` finds.
    pub fn found(&self, arguments: &[&str]) -> Vec<String> {
        let (status, out, error) = self.ledger(&[&["verify", "--format", "json"], arguments].concat());
        let verified: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{error}"));
        let findings = verified["findings"].as_array().unwrap();
        assert_eq!(status, i32::from(!findings.is_empty()), "{out}{error}");
        findings.iter().map(|found| found["code"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn a_ledger_alone_is_self_consistent_and_no_more() {
    let site = Site::new();
    let out = site.ends(0, &["verify"]);
    assert!(out.contains("\nself-consistent, unwitnessed: "), "{out}");
    let key = fs::read_to_string(site.key_file()).unwrap();
    assert!(out.contains(&format!("\nkey {key}")), "{out}");
    assert_eq!(site.json(&["verify"])["state"], "unwitnessed");
    assert_eq!(site.found(&["--key", site.key_file().to_str().unwrap()]), [""; 0]);
    assert_eq!(site.found(&["--key", key.trim_end()]), [""; 0]);
    let another = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    assert_eq!(site.found(&["--key", another]), ["other-key"]);
    site.ends(3, &["verify", "--key", "nothing"]);
    site.ends(3, &["verify", "--ledger", &site.path("nowhere")]);
}

#[test]
fn it_is_consistent_with_what_others_kept_while_it_grew() {
    let mut site = Site::new();
    let note = site.ends(0, &["checkpoint"]);
    let (told, note) = (site.file("told", &site.told), site.file("note", &note));
    site.push();
    let out = site.ends(0, &["verify", "--against", &told, &note]);
    assert!(out.contains("consistent with the 2 checkpoints kept elsewhere"), "{out}");
    let verified = site.json(&["verify", "--against", &told, &note]);
    assert_eq!((&verified["state"], verified["against"].as_array().unwrap().len()), (&"consistent".into(), 2));
    let size = verified["against"][0]["size"].as_u64().unwrap();
    let later = site.ends(0, &["checkpoint", "--at", &size.to_string()]);
    assert_eq!(later, fs::read_to_string(site.path("note")).unwrap());
    let out = site.ends(1, &["checkpoint", "--at", "0"]);
    assert_eq!(out, "error: no checkpoint was made of so many records: one is made with each push\n");
    site.ends(3, &["verify", "--against", &site.file("nothing", "no checkpoint\n")]);
}

#[test]
fn what_others_kept_and_the_ledger_is_not_is_found() {
    let mut site = Site::new();
    site.copy_ledger("older");
    let line = |origin: &str, size: u64, root: &str| {
        format!("remote: accepted: record 1; checkpoint {origin} {size} {root}\n")
    };
    let verified = site.json(&["verify"]);
    let (size, root) = (verified["records"].as_u64().unwrap(), verified["root"].as_str().unwrap().to_owned());
    let note = site.ends(0, &["checkpoint"]);
    let origin = note.lines().next().unwrap();
    let found = |site: &Site, text: &str| site.found(&["--against", &site.file("kept", text)]);
    assert_eq!(found(&site, &line(origin, size, &root)), [""; 0]);
    assert_eq!(found(&site, &line("elsewhere.example", size, &root)), ["other-origin"]);
    assert_eq!(found(&site, &line(origin, size + 1, &root)), ["larger"]);
    assert_eq!(found(&site, &line(origin, size - 1, &root)), ["rewritten"]);
    assert_eq!(found(&site, &note.replacen(&format!("\n{size}\n"), &format!("\n{}\n", size - 1), 1)), ["other-key"]);
    site.push();
    assert_eq!(found(&site, &line(origin, size, &root)), [""; 0]);
    // The older copy is whole, and not the ledger any more.
    let newer = site.file("newer", &site.ends(0, &["checkpoint"]));
    let older = site.path("older");
    assert_eq!(site.found(&["--ledger", &older]), [""; 0]);
    assert_eq!(site.found(&["--ledger", &older, "--against", &newer]), ["larger"]);
}

#[test]
fn a_record_is_proven_with_the_public_key_alone() {
    let mut site = Site::new();
    site.push();
    let (proof, record) = (site.path("a.tlog-proof"), site.path("record"));
    for number in 0..site.records() {
        assert_eq!(site.ends(0, &["prove", &number.to_string(), "--output", &proof, "--record", &record]), "");
        let text = fs::read_to_string(&record).unwrap();
        assert!(text.starts_with(&format!("{{\"schema\":1,\"number\":{number},")), "{text}");
        let mut script = site.world.command("python3", &site.world.path(""));
        script.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/verify_proof.py"));
        script.args([&proof, &record]).arg(site.key_file());
        let output = run(script, b"");
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(told, format!("good: record {number} of {}\n", site.records()));
    }
    assert_eq!(site.ends(0, &["prove", "1"]), site.json(&["prove", "1"])["proof"].as_str().unwrap());
    assert_eq!(site.ends(1, &["prove", "999"]), "error: record 999: there is none\n");
}

/// What root makes in the hook's folder the hook could not use; and a folder is not to be given to root.
#[test]
fn whom_the_ledger_does_not_belong_to_is_told_as_whom_to_run_it() {
    // Nobody else can give a folder away.
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let site = Site::new();
    let owner = |user| std::os::unix::fs::chown(site.path("ledger"), Some(user), None).unwrap();
    for (user, named) in [(65_534, "nobody"), (12_345, "'#12345'")] {
        owner(user);
        for arguments in [&["list"][..], &["verify"], &["rotate-key"], &["close", "--next", "next", "--yes"]] {
            let told = site.ends(3, arguments);
            let run = format!("and this runs as user 0: run it as that user, sudo -u {named} countersign …");
            assert!(told.contains(&run) && !told.contains("chown"), "{arguments:?}: {told}");
        }
    }
    owner(0);
    site.ends(0, &["list"]);
}
