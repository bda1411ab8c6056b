//! The guide for administrators, followed to the letter: what its blocks say is typed, in their order, on one server and
//! with real pushes, and what they show as output is what comes.

use crate::support::{World, keys, run, run_well, set_mode};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

/// Places on a server. Here they lie below the test's folder.
const PLACES: &[&str] = &[
    "/etc/countersign",
    "/etc/ssh",
    "/usr/local",
    "/srv/git",
    "/var/lib/countersign",
    "/var/log",
    "/etc/systemd",
    "/run/systemd",
];

/// Where sshd's own settings are extended.
const SSHD_SETTINGS: &str = "etc/ssh/sshd_config.d";

/// Who works on the project, each with a clone of it and a key; an SSH key is made for those without one.
const PEOPLE: &[(&str, Option<&str>)] = &[
    ("alice", Some(keys::ALICE_SSH)),
    ("bob", Some(keys::BOB_SSH)),
    ("carol", Some(keys::CAROL_EXPIRED)),
    ("dora", None),
    ("forge", None),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What is typed in one go.
struct Block {
    /// The chapter and the line of it.
    place: String,
    /// Whose clone it is typed in; `None`: the administrator's checkout of Countersign, on the server.
    who: Option<String>,
    /// Whether it has to fail.
    refused: bool,
    commands: String,
    /// What the chapter shows of its output.
    shown: Option<String>,
}

/// The chapters in the order of the table of contents.
fn chapters() -> Vec<String> {
    let contents = fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let links = contents.split("](").skip(1).map(|rest| rest.split(')').next().unwrap());
    links.filter(|link| link.starts_with("guide/")).map(str::to_owned).collect()
}

/// ```` ```sh ````, ```` ```sh alice ````, ```` ```sh alice refused ````; a block of ```` ```text ```` that follows shows the
/// output. There are no others: what is shown is tried.
fn blocks(chapter: &str) -> Vec<Block> {
    let text = fs::read_to_string(root().join("docs").join(chapter)).unwrap();
    let mut blocks: Vec<Block> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let body: String = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").fold(
            String::new(),
            |mut body, line| {
                body.extend([line, "\n"]);
                body
            },
        );
        let place = format!("docs/{chapter}:{}", number + 1);
        let mut words = kind.split(' ');
        match words.next() {
            Some("sh") => {
                let (mut who, mut refused) = (None, false);
                for word in words {
                    match word {
                        "refused" => refused = true,
                        name => who = Some(name.to_owned()),
                    }
                }
                blocks.push(Block { place, who, refused, commands: body, shown: None });
            }
            Some("text") => {
                let before = blocks.last_mut().filter(|before| before.shown.is_none());
                before.unwrap_or_else(|| panic!("{place}: output of nothing")).shown = Some(body);
            }
            _ => panic!("{place}: `{kind}` is tried by nobody"),
        }
    }
    blocks
}

/// A server before Countersign comes to it, and the people who push to it.
struct Site {
    world: World,
}

impl Site {
    fn new() -> Self {
        let site = Self { world: World::new() };
        site.make_checkout();
        for (folder, mode) in
            [("etc", 0o755), (SSHD_SETTINGS, 0o755), ("usr/local", 0o755), ("var/log", 0o755), ("home/keys", 0o700)]
        {
            fs::create_dir_all(site.world.path(folder)).unwrap();
            set_mode(&site.world.path(folder), mode);
        }
        for repository in ["project", "tools/deploy"] {
            let folder = site.world.path(&format!("srv/git/{repository}.git"));
            fs::create_dir_all(&folder).unwrap();
            site.world.git_in(&folder, &["init", "--quiet", "--bare", "--template=", "--initial-branch=main"]);
            site.world.git_in(&folder, &["config", "core.fsync", "none"]);
        }
        for (name, key) in PEOPLE {
            site.make_home(name, *key);
        }
        // Nobody has signed anything yet.
        site.typed("alice", "git commit -q --allow-empty -m 'Begin the project' && git push -q origin main");
        for (name, _) in PEOPLE {
            site.typed(name, "git fetch -q && git checkout -q -B main origin/main");
        }
        site
    }

    /// What of the project's source the guide needs, with a program that stands for the large one that is tested.
    fn make_checkout(&self) {
        let checkout = self.world.path("checkout");
        fs::create_dir_all(checkout.join("target/release")).unwrap();
        for name in ["policies", "hooks", "packaging", "tools"] {
            run_well(
                {
                    let mut copy = self.world.command("cp", &checkout);
                    copy.arg("-r").arg(root().join(name)).arg(name);
                    copy
                },
                b"",
            );
        }
        fs::create_dir(checkout.join("tests")).unwrap();
        fs::copy(root().join("tests/verify_proof.py"), checkout.join("tests/verify_proof.py")).unwrap();
        for policy in fs::read_dir(checkout.join("policies")).unwrap().map(|entry| entry.unwrap().path()) {
            if policy.extension().is_some_and(|extension| extension == "toml") {
                let text = self.with_ledger(&fs::read_to_string(&policy).unwrap());
                fs::write(&policy, text).unwrap();
            }
        }
        let script = fs::read_to_string(root().join("install.sh")).unwrap();
        write_program(&checkout.join("install.sh"), &self.located(&script));
        // The program looks for the policy in /etc/countersign, which is not ours.
        let program = format!(
            "#!/bin/sh\ncase \" $* \" in\n*' --policy '* | ' doctor '*'--config '*) ;;\n' doctor '*) set -- \"$@\" --config '{}' --policy '{}' ;;\n*' --repo '* | *' registry '* | *' ledger '* | *' hook '* | *' policy install '* | *' policy rollback '*) set -- --policy '{}' \"$@\" ;;\nesac\nexec '{}' \"$@\"\n",
            self.world.path("etc/countersign").display(),
            self.world.path("etc/countersign/policy.toml").display(),
            self.world.path("etc/countersign/policy.toml").display(),
            env!("CARGO_BIN_EXE_countersign"),
        );
        write_program(&checkout.join("target/release/countersign"), &program);
    }

    fn make_home(&self, name: &str, key: Option<&str>) {
        let home = self.home(Some(name));
        fs::create_dir_all(home.join("project")).unwrap();
        let capital = name[..1].to_uppercase() + &name[1..];
        let config = format!(
            "[user]\n\tname = {capital} Example\n\temail = {name}@example.com\n[init]\n\tdefaultBranch = main\n\
             [core]\n\tfsync = none\n[advice]\n\tpushUpdateRejected = false\n"
        );
        fs::write(home.join(".gitconfig"), config).unwrap();
        fs::create_dir(home.join(".ssh")).unwrap();
        match key {
            Some(key) if keys::is_openpgp(key) => {
                self.make_keyring(&home, key);
                self.make_ssh_key(name);
            }
            Some(key) => {
                fs::copy(keys::signing_key(key), home.join(".ssh/id_ed25519")).unwrap();
                fs::write(home.join(".ssh/id_ed25519.pub"), keys::public_ssh(key) + "\n").unwrap();
                set_mode(&home.join(".ssh/id_ed25519"), 0o600);
                self.typed(name, &format!("cp ~/.ssh/id_ed25519.pub ~/../keys/{name}.pub"));
            }
            None => self.make_ssh_key(name),
        }
        self.typed(name, "git init -q && git remote add origin /srv/git/project.git");
    }

    fn make_ssh_key(&self, name: &str) {
        self.typed(name, &format!("ssh-keygen -q -t ed25519 -C {name}@example.com -f ~/.ssh/id_ed25519"));
    }

    /// One of her own: she will change it.
    fn make_keyring(&self, home: &Path, key: &str) {
        let folder = home.join(".gnupg");
        fs::create_dir(&folder).unwrap();
        set_mode(&folder, 0o700);
        let secret = root().join(format!("fixtures/keys/{key}.secret.asc"));
        let mut import = self.world.command("gpg", home);
        import.arg("--homedir").arg(&folder).args(["--batch", "--quiet", "--import"]).arg(secret);
        run_well(import, b"");
        let certificate = keys::public_openpgp(key);
        fs::write(
            self.world.path(&format!("home/keys/{}.asc", keys::user_id(key).split('@').next().unwrap())),
            certificate,
        )
        .unwrap();
    }

    fn home(&self, who: Option<&str>) -> PathBuf {
        who.map_or_else(|| self.world.path("home"), |name| self.world.path("home").join(name))
    }

    /// A policy that says what holds by default: where the ledger is. Its lines stay where they are.
    fn with_ledger(&self, policy: &str) -> String {
        let says = policy.contains("[ledger]");
        self.located(&(policy.to_owned() + if says { "" } else { "\n[ledger]\npath = \"/var/lib/countersign\"\n" }))
    }

    fn located(&self, text: &str) -> String {
        PLACES.iter().fold(text.to_owned(), |text, place| {
            text.replace(place, &format!("{}{place}", self.world.path("").to_str().unwrap().trim_end_matches('/')))
        })
    }

    #[track_caller]
    fn typed(&self, who: &str, commands: &str) {
        let (succeeded, told) = self.try_typed(Some(who), commands);
        assert!(succeeded, "{commands}\n{told}");
    }

    /// Whether it went well, and what the terminal shows.
    fn try_typed(&self, who: Option<&str>, commands: &str) -> (bool, String) {
        let home = self.home(who);
        let folder = if who.is_some() { home.join("project") } else { self.world.path("checkout") };
        let mut shell = self.world.command("sh", &folder);
        shell.args(["-e", "-u", "-c", &format!("exec 2>&1\numask 022\n{}", self.located(commands))]);
        let path = std::env::var("PATH").unwrap();
        shell.env("PATH", format!("{}:{path}", self.world.path("usr/local/bin").display()));
        shell.env("HOME", &home).env("TZ", "UTC").env_remove("GIT_CONFIG_GLOBAL");
        // Whoever is asked for a passphrase presses return.
        shell.env("SSH_ASKPASS", "true").env("SSH_ASKPASS_REQUIRE", "force").env("DISPLAY", ":0");
        if who.is_some() && self.exposes_authentication() {
            shell.env("SSH_USER_AUTH", self.authentication(&home));
        }
        if home.join(".gnupg").exists() {
            shell.env("GNUPGHOME", home.join(".gnupg"));
        }
        let output = run(shell, b"");
        let told = String::from_utf8_lossy(&output.stdout).replace(self.world.path("").to_str().unwrap(), "/");
        (output.status.success(), told)
    }
}

impl Site {
    /// Whether the administrator has asked sshd to tell hooks which key it let in (sshd_config(5), `ExposeAuthInfo`).
    fn exposes_authentication(&self) -> bool {
        let files = fs::read_dir(self.world.path(SSHD_SETTINGS)).unwrap();
        files.into_iter().any(|file| {
            fs::read_to_string(file.unwrap().path()).unwrap().lines().any(|line| line == "ExposeAuthInfo yes")
        })
    }

    /// The file that sshd makes of a login; people log in with the newest of their keys.
    fn authentication(&self, home: &Path) -> PathBuf {
        let keys = ["new.pub", "id_ed25519.pub"].map(|name| home.join(".ssh").join(name));
        let key = fs::read_to_string(keys.iter().find(|key| key.exists()).unwrap()).unwrap();
        let file = home.join(".ssh/authentication");
        let [algorithm, base64] = [0, 1].map(|word| key.split_whitespace().nth(word).unwrap());
        fs::write(&file, format!("publickey {algorithm} {base64}\n")).unwrap();
        set_mode(&file, 0o600);
        file
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // The agent of the one keyring that is changed.
        let mut end = self.world.command("gpgconf", &self.world.path(""));
        end.arg("--homedir").arg(self.home(Some("carol")).join(".gnupg")).args(["--kill", "all"]);
        run(end, b"");
    }
}

fn write_program(path: &Path, script: &str) {
    fs::write(path, script).unwrap();
    set_mode(path, 0o755);
}

/// `…` stands for anything within a line, and on a line of its own for any lines. Object ids differ from run to run.
fn is_shown(told: &str, shown: &str) -> bool {
    let lines = |text: &str| text.lines().map(|line| without_ids(line.trim_end())).collect::<Vec<_>>();
    all_match(&lines(told), &lines(shown))
}

fn all_match(told: &[String], shown: &[String]) -> bool {
    match (told, shown) {
        ([], []) => true,
        (_, [any, rest @ ..]) if any.trim() == "…" => {
            (0..=told.len()).any(|skipped| all_match(&told[skipped..], rest))
        }
        ([line, told @ ..], [pattern, rest @ ..]) => matches(line, pattern) && all_match(told, rest),
        ([], [..]) | ([..], []) => false,
    }
}

fn matches(line: &str, pattern: &str) -> bool {
    let Some((before, rest)) = pattern.split_once('…') else { return line == pattern };
    line.strip_prefix(before)
        .is_some_and(|line| (0..=line.len()).any(|at| line.is_char_boundary(at) && matches(&line[at..], rest)))
}

fn without_ids(line: &str) -> String {
    pieces(line).into_iter().map(|(piece, differs)| if differs { "<id>" } else { piece }).collect()
}

/// Text in pieces, and of each whether it differs from run to run: ids of objects, and numbers of records.
fn pieces(text: &str) -> Vec<(&str, bool)> {
    let (mut pieces, mut before) = (Vec::new(), "");
    for part in text.split_inclusive(|character: char| !character.is_ascii_alphanumeric()) {
        let word = part.trim_end_matches(|character: char| !character.is_ascii_alphanumeric());
        let is_id = word.len() >= 7 && word.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let is_number =
            ["record", "settles", "Settles", "show", "prove"].contains(&before) && word.parse::<u64>().is_ok();
        pieces.extend([(word, is_id || is_number), (&part[word.len()..], false)]);
        if !word.is_empty() {
            before = word;
        }
    }
    pieces
}

/// What chapters show of ids and numbers, and what they are in this run: what is typed later may have them from a hint.
#[derive(Default)]
struct Known(HashMap<String, String>);

impl Known {
    fn learn(&mut self, told: &str, shown: &str) {
        for shown in shown.lines().filter(|line| !line.contains('…')) {
            let same = |line: &&str| without_ids(line.trim_end()) == without_ids(shown);
            let Some(told) = told.lines().find(same) else { continue };
            for ((shown, differs), (told, _)) in pieces(shown).into_iter().zip(pieces(told.trim_end())) {
                if differs {
                    self.0.insert(shown.to_owned(), told.to_owned());
                }
            }
        }
    }

    fn typed(&self, commands: &str) -> String {
        let typed = |(piece, differs): (&str, bool)| match self.0.get(piece).filter(|_| differs) {
            Some(known) => known.clone(),
            None => piece.to_owned(),
        };
        pieces(commands).into_iter().map(typed).collect()
    }
}

#[test]
fn every_block_of_the_guide_does_what_it_says() {
    let site = Site::new();
    let (mut typed, mut shown, mut refused) = (0, 0, 0);
    let mut known = Known::default();
    for block in chapters().iter().flat_map(|chapter| blocks(chapter)) {
        let (succeeded, told) = site.try_typed(block.who.as_deref(), &known.typed(&block.commands));
        let told_here = format!("{}\n{}\n{told}", block.place, block.commands);
        assert_eq!(succeeded, !block.refused, "{told_here}");
        if let Some(output) = &block.shown {
            assert!(is_shown(&told, output), "{told_here}\n--- and not what is shown:\n{output}");
            known.learn(&told, output);
            shown += 1;
        }
        typed += 1;
        refused += usize::from(block.refused);
    }
    assert!(typed > 40 && shown > 25 && refused > 8, "{typed} {shown} {refused}");
}

#[test]
fn what_is_shown_is_compared() {
    assert!(is_shown("a 3f2a91c b\nc\n", "a 77b01de b\nc\n"));
    assert!(is_shown("one two three\nfour\nfive\n", "one … three\n…\nfive\n"));
    assert!(is_shown("one\n", "…\none\n…\n"));
    for (told, shown) in [("a\n", "b\n"), ("a\nb\n", "a\n"), ("a\n", "a\nb\n"), ("a b\n", "a…c\n"), ("refused", "<id>")]
    {
        assert!(!is_shown(told, shown), "{told} {shown}");
    }
}

#[test]
fn what_a_hint_showed_is_typed_with_the_ids_of_this_run() {
    let mut known = Known::default();
    known.learn("a: 77b01de c (record 12)\n  x 1234567\n", "a: 3f2a91c c (record 7)\n  x … 7654321\n");
    let typed = known.typed("git show 3f2a91c 7654321 --settles 7 -n 7 aaaaaaa");
    assert_eq!(typed, "git show 77b01de 7654321 --settles 12 -n 7 aaaaaaa");
}
