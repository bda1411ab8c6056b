//! `packaging/release` on a copy of the project: what it signs and builds, and what it refuses to, with its reason.

use crate::support::{World, keys, run, run_well};
use std::{fs, path::PathBuf, process::Command};

/// The project as Alice maintains it, about to be released.
struct Project {
    world: World,
}

impl Project {
    fn new() -> Self {
        let project = Self { world: World::new() };
        let mut copy = Command::new("cp");
        copy.current_dir(env!("CARGO_MANIFEST_DIR")).arg("-R");
        copy.args([
            ".gitignore",
            "Cargo.toml",
            "Cargo.lock",
            "src",
            "benches",
            "packaging",
            "hooks",
            "policies",
            "docs",
        ]);
        copy.args(["install.sh", "README.md", "SECURITY.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"]);
        run_well(
            {
                copy.arg(project.world.clone_path());
                copy
            },
            b"",
        );
        // Cargo looks for what its manifest names.
        fs::create_dir(project.path("tests")).unwrap();
        fs::write(project.path("tests/scenarios.rs"), "").unwrap();
        let changes = fs::read_to_string(project.path("CHANGELOG.md")).unwrap();
        let heading = format!("## {}\n", env!("CARGO_PKG_VERSION"));
        fs::write(project.path("CHANGELOG.md"), changes.replace("## Unreleased\n", &heading)).unwrap();
        fs::create_dir(project.path("target")).unwrap();
        let mut strip = Command::new("strip");
        strip.arg(env!("CARGO_BIN_EXE_countersign")).arg("-o").arg(project.path("target/program"));
        run_well(strip, b"");
        project.world.git(&["add", "--all"]);
        project.world.git(&["commit", "-q", "-m", "Release it"]);
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.world.clone_path().join(name)
    }

    fn released(&self, name: &str) -> PathBuf {
        self.path("target").join(name)
    }

    /// Whether it went well, and all that it said.
    fn release(&self, words: &[&str]) -> (bool, String) {
        let mut command = self.world.command(self.path("packaging/release"), &self.world.clone_path());
        // Cargo finds what it has where it is outside the test.
        let home = PathBuf::from(std::env::var_os("HOME").unwrap());
        for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            command.env(name, std::env::var_os(name).unwrap_or(home.join(folder).into()));
        }
        for name in ["RUSTUP_TOOLCHAIN", "CARGO_TARGET_DIR"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command.env("CARGO_NET_OFFLINE", "true").args(words);
        if words[0] != "--check" {
            command.arg("--registry").arg(self.world.registry_path());
            command.args(["--countersign", env!("CARGO_BIN_EXE_countersign")]);
        }
        let output = run(command, b"");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    #[track_caller]
    fn does(&self, words: &[&str], phrase: &str) -> String {
        let (done, said) = self.release(words);
        assert!(done && said.contains(phrase), "{said}");
        said
    }

    #[track_caller]
    fn refuses(&self, words: &[&str], phrase: &str) {
        let (done, said) = self.release(words);
        assert!(!done && said.contains(phrase), "{said}");
    }

    fn check(&self) -> [String; 4] {
        let signers = self.world.registry_path().join("allowed_signers");
        ["--check", "target/one", "--signers", signers.to_str().unwrap()].map(str::to_owned)
    }

    #[track_caller]
    fn download_is_good(&self) {
        let words = self.check();
        self.does(&words.each_ref().map(String::as_str), "signed by alice@example.com");
    }

    #[track_caller]
    fn download_is_refused(&self, phrase: &str) {
        let words = self.check();
        self.refuses(&words.each_ref().map(String::as_str), phrase);
    }

    fn sign_sums(&self, key: &str, namespace: &str) {
        let sums = fs::read(self.released("one/SHA256SUMS")).unwrap();
        fs::write(self.released("one/SHA256SUMS.sig"), keys::sign_in_namespace(key, namespace, &sums)).unwrap();
    }

    fn build<'a>(&self, to: &'a str) -> [&'a str; 6] {
        ["--build", "--program", "target/program", "--without-deb", "--to", to]
    }
}

const TAG: &str = concat!("v", env!("CARGO_PKG_VERSION"));

#[test]
fn only_what_a_maintainer_has_signed_is_released() {
    let project = Project::new();
    let world = &project.world;
    let build = project.build("target/one");
    project.refuses(&build, "there is no tag v");
    world.git(&["tag", TAG]);
    project.refuses(&build, "is no annotated tag");
    world.git(&["tag", "--force", "--annotate", "--no-sign", "-m", "Not signed", TAG]);
    project.refuses(&build, "unsigned");
    world.git(&["tag", "--delete", TAG]);

    world.work_as(keys::MALLORY_SSH);
    project.refuses(&["--tag"], "unknown-key");
    assert_eq!(world.git(&["tag", "--list"]), "", "a tag that nobody can verify is not kept");
    world.git(&["tag", "--sign", "-m", "By somebody else", TAG]);
    project.refuses(&build, "unknown-key");
    world.git(&["tag", "--delete", TAG]);

    world.work_as(keys::ALICE_SSH);
    world.git(&["tag", "--sign", "-m", "Another version", "v0.0.1"]);
    world.git(&["update-ref", &format!("refs/tags/{TAG}"), "refs/tags/v0.0.1"]);
    project.refuses(&build, "the tag calls itself v0.0.1");
    world.git(&["tag", "--delete", TAG]);

    fs::write(project.path("packaging/more"), "").unwrap();
    project.refuses(&["--tag"], "packaging/more");
    fs::remove_file(project.path("packaging/more")).unwrap();
    project.does(&["--tag"], "is signed by alice@example.com");
    project.refuses(&["--tag"], "already");
    world.git(&["commit", "-q", "--allow-empty", "-m", "Later"]);
    project.refuses(&build, "is of another commit");
    world.git(&["reset", "-q", "--hard", "HEAD^"]);
    fs::write(project.path("README.md"), "changed\n").unwrap();
    project.refuses(&build, "README.md");
    assert!(!project.released("one").exists());
}

#[test]
fn a_release_is_the_same_each_time_and_a_forged_file_shows() {
    let project = Project::new();
    project.does(&["--tag"], "is signed by alice@example.com");
    project.does(&project.build("target/one"), "signed by alice@example.com");
    project.does(&project.build("target/two"), "signed by alice@example.com");
    let mut names: Vec<String> = fs::read_dir(project.released("one"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let [sums, signature, archive, bill] = [&names[0], &names[1], &names[3], &names[2]];
    assert_eq!((sums.as_str(), signature.as_str()), ("SHA256SUMS", "SHA256SUMS.sig"));
    assert!(archive.ends_with(".tar.gz") && bill.ends_with(".cdx.json"), "{names:?}");
    for name in &names {
        let read = |folder: &str| fs::read(project.released(folder).join(name)).unwrap();
        assert!(read("one") == read("two"), "{name} is another each time");
    }
    bill_of_materials_is_whole(&project, bill);

    project.download_is_good();
    let archive = project.released("one").join(archive);
    let good = fs::read(&archive).unwrap();
    fs::write(&archive, [&good[..], b"\0"].concat()).unwrap();
    project.download_is_refused("not what was released");
    fs::write(&archive, &good).unwrap();
    fs::write(project.released("one/install.sh"), "").unwrap();
    project.download_is_refused("install.sh is no file of this release");
    fs::remove_file(project.released("one/install.sh")).unwrap();
    // Somebody need not download all of it.
    let (bill, away) = (project.released("one").join(bill), project.path("target/away"));
    fs::rename(&bill, &away).unwrap();
    project.download_is_good();
    fs::rename(&away, &bill).unwrap();

    project.sign_sums(keys::MALLORY_SSH, "countersign-release");
    project.download_is_refused("signed by none of the signers");
    project.sign_sums(keys::ALICE_SSH, "file");
    project.download_is_refused("is not good");
    project.sign_sums(keys::ALICE_SSH, "countersign-release");
    project.download_is_good();
    let sums = project.released("one/SHA256SUMS");
    fs::write(&sums, fs::read_to_string(&sums).unwrap() + "\n").unwrap();
    project.download_is_refused("is not good");
    fs::remove_file(project.released("one/SHA256SUMS.sig")).unwrap();
    project.download_is_refused("SHA256SUMS.sig is missing");
}

/// What is linked by the program's own words, too, and each with a licence; less is noticed.
fn bill_of_materials_is_whole(project: &Project, name: &str) {
    let text = fs::read_to_string(project.released("one").join(name)).unwrap();
    let bill: serde_json::Value = serde_json::from_str(&text).unwrap();
    let components = bill["components"].as_array().unwrap();
    let licence_of = |name: &str| {
        let found = components.iter().find(|component| component["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is missing"))["licenses"][0]["expression"].as_str().unwrap().to_owned()
    };
    assert_eq!(licence_of("sequoia-openpgp"), "LGPL-2.0-or-later");
    assert!(licence_of("aws-lc-sys").contains("ISC"));
    let not_linked = ["criterion", "libtest-mimic", "cc", "serde_derive"];
    assert!(!components.iter().any(|component| not_linked.iter().any(|name| component["name"] == *name)));
    let check = |bill: &serde_json::Value| {
        let path = project.path("target/bill");
        fs::write(&path, bill.to_string()).unwrap();
        let mut command = Command::new("python3");
        command.arg(project.path("packaging/linked.py")).arg("check");
        command.args([env!("CARGO_BIN_EXE_countersign").as_ref(), path.as_os_str()]);
        let output = run(command, b"");
        (output.status.success(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(check(&bill), (true, String::new()));
    let mut less = bill.clone();
    less["components"].as_array_mut().unwrap().retain(|component| component["name"] != "regex-automata");
    let (whole, said) = check(&less);
    assert!(!whole && said.contains("regex-automata"), "{said}");
    let mut without = bill;
    without["components"][0].as_object_mut().unwrap().remove("licenses");
    let (whole, said) = check(&without);
    assert!(!whole && said.contains("without a licence"), "{said}");
}
