//! The manual: complete, and true to the code. As a book, `tools/book` checks it.

use crate::support::{
    World, keys,
    objects::{self, Commit, signature_header},
    run, set_mode,
};
use countersign::{
    document::Groups,
    policy::{self, rules, sentences},
};
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The pages of the book and the pictures in it, by their paths from the project's root.
fn pages() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut waiting = vec![root().join("docs")];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => waiting.push(path),
                false => drop(found.insert(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned())),
            }
        }
    }
    found
}

/// What a page is to those who link to it and from it.
struct Page {
    headings: Vec<(HeadingLevel, String)>,
    links: Vec<String>,
    /// Markup that mdBook and a forge would show differently.
    html: Vec<String>,
}

/// As mdBook reads it.
fn parsed(text: &str) -> Page {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES;
    let mut page = Page { headings: Vec::new(), links: Vec::new(), html: Vec::new() };
    let mut heading: Option<String> = None;
    for event in Parser::new_ext(text, options) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(level)) => page.headings.push((level, heading.take().unwrap())),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                page.links.push(dest_url.into_string())
            }
            Event::Html(html) | Event::InlineHtml(html) => page.html.push(html.into_string()),
            _ => {}
        }
    }
    page
}

/// As mdBook makes a heading's anchor, and a forge does.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || c.is_whitespace() || "_-".contains(*c));
    kept.map(|c| if c.is_whitespace() { '-' } else { c.to_ascii_lowercase() }).collect()
}

fn anchors(page: &Page) -> BTreeSet<String> {
    let mut seen = BTreeMap::<String, usize>::new();
    let mut found = BTreeSet::new();
    for (_, heading) in &page.headings {
        let anchor = anchor(heading);
        let times = seen.entry(anchor.clone()).or_default();
        found.insert(if *times == 0 { anchor } else { format!("{anchor}-{times}") });
        *times += 1;
    }
    found
}

/// `docs/guide/../policy.md` is `docs/policy.md`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => assert!(plain.pop(), "{}", path.display()),
            part => plain.push(part),
        }
    }
    plain
}

/// As a forge shows the Markdown.
#[test]
fn every_link_leads_to_a_page_and_a_heading_that_is_there() {
    let pages = pages();
    let outside = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(str::to_owned);
    let (mut followed, mut to_headings) = (0, 0);
    for name in pages.iter().filter(|name| name.ends_with(".md")).chain(&outside) {
        for link in parsed(&read(name)).links {
            if link.contains("://") {
                continue;
            }
            let (path, wanted) = link.split_once('#').unwrap_or((&link, ""));
            let target = match path {
                "" => PathBuf::from(name),
                path => plain(&Path::new(name).parent().unwrap().join(path)),
            };
            let target = target.to_str().unwrap();
            assert!(root().join(target).exists(), "{name}: {link}");
            // The book has nothing else in it.
            assert!(outside.contains(name) || pages.contains(target), "{name}: {link} leads out of the book");
            if !wanted.is_empty() {
                assert!(anchors(&parsed(&read(target))).contains(wanted), "{name}: {link}");
                to_headings += 1;
            }
            followed += 1;
        }
    }
    assert!(followed > 60 && to_headings > 20, "{followed} {to_headings}");
}

#[test]
fn every_page_has_one_title_and_no_markup_that_would_vanish() {
    for name in pages().into_iter().filter(|name| name.ends_with(".md")) {
        if name == "docs/SUMMARY.md" {
            continue;
        }
        let page = parsed(&read(&name));
        let titles = page.headings.iter().filter(|(level, _)| *level == HeadingLevel::H1).count();
        assert_eq!((titles, page.headings[0].0), (1, HeadingLevel::H1), "{name} has one title, first");
        assert!(page.html.is_empty(), "{name}: {:?} would vanish", page.html);
    }
}

/// The page of a kind: what its file says, and where its reasons are explained.
fn page_of(key: &str, codes: &[&str]) -> String {
    let manual = rules::manual(key).unwrap();
    let mut paragraphs = Vec::new();
    for paragraph in manual.trim_end().split("\n\n") {
        let example = paragraph.strip_prefix('`').and_then(|rest| rest.strip_suffix('`'));
        paragraphs.push(match example.filter(|example| example.starts_with(&format!("{key} = "))) {
            Some(example) => format!("```toml\n{example}\n```"),
            None => paragraph.to_owned(),
        });
    }
    let reasons: String = codes.iter().map(|code| format!("- [`{code}`](../refused.md#{code})\n")).collect();
    let paragraphs = paragraphs.join("\n\n");
    format!(
        "# `{key}`\n\n{paragraphs}\n\nAll keys at a glance: [The policy](../policy.md#{key}).\n\n\
         ## Reasons to refuse a push\n\n{reasons}"
    )
}

fn expect_or_write(name: &str, expected: &str) {
    let path = root().join(name);
    if std::env::var_os("UPDATE_GOLDENS").is_some() {
        fs::write(&path, expected).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, expected, "{name} is not what the code says: UPDATE_GOLDENS=1 cargo test --test suite manual");
}

#[test]
fn the_pages_of_the_kinds_are_what_their_files_say() {
    let mut contents = String::new();
    for (key, codes) in rules::KEYS.iter().zip(rules::CODES) {
        expect_or_write(&format!("docs/rules/{key}.md"), &page_of(key, codes));
        contents.push_str(&format!("  - [`{key}`](rules/{key}.md)\n"));
    }
    assert_eq!(rules::KEYS.len(), rules::CODES.len());
    let pages = pages().iter().filter(|page| page.starts_with("docs/rules/")).count();
    assert_eq!(pages, rules::KEYS.len(), "docs/rules has a page of a kind that is no more");
    let summary = read("docs/SUMMARY.md");
    let others = summary.lines().filter(|line| !line.contains("](rules/")).map(|line| format!("{line}\n"));
    let policy = "- [The policy](policy.md)\n";
    let whole: String = others.map(|line| if line == policy { line + &contents } else { line }).collect();
    expect_or_write("docs/SUMMARY.md", &whole);
}

#[test]
fn the_examples_of_the_kinds_compile() {
    for key in rules::KEYS {
        let manual = rules::manual(key).unwrap();
        let example = manual.split('`').find(|code| code.starts_with(&format!("{key} = "))).unwrap();
        let groups: BTreeSet<_> = example.split("\"@").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
        let groups: String = groups.iter().map(|group| format!("{group} = [\"alice\"]\n")).collect();
        let policy = format!(
            "version = 1\nunmatched-refs = \"refuse\"\n[groups]\n{groups}[[rule]]\nname = \"x\"\nrefs = [\"HEAD\"]\n{example}\n"
        );
        if let Err(problems) = policy::compile(&policy, &Groups::new()) {
            panic!("{key}: {problems:?}\n{policy}");
        }
    }
}

/// What stands under each heading of the page for pushers.
fn sections() -> BTreeMap<String, String> {
    let text = read("docs/refused.md");
    let sections = text.split("\n## ").skip(1).map(|section| section.split_once('\n').unwrap());
    sections.map(|(heading, body)| (heading.to_owned(), body.to_owned())).collect()
}

#[test]
fn every_reason_has_a_heading_that_says_what_to_do_and_whom_to_ask() {
    let sections = sections();
    let codes: BTreeSet<String> = sentences::codes().iter().map(|&code| code.to_owned()).collect();
    assert_eq!(sections.keys().cloned().collect::<BTreeSet<_>>(), codes, "docs/refused.md against the code");
    for (code, body) in &sections {
        let first = body.trim_start().split('.').next().unwrap();
        assert!(first.len() > 20 && !first.starts_with("**"), "{code}: what it means is missing");
        for who in ["\n**You:** ", "\n**The administrator:** "] {
            assert_eq!(body.matches(who).count(), 1, "{code}: {who}");
        }
        assert_eq!(anchor(code), *code);
    }
    let reference = read("docs/json.md");
    for code in &codes {
        assert!(reference.contains(&format!("`{code}`")), "docs/json.md leaves out `{code}`");
    }
}

#[test]
fn a_refusal_and_its_json_lead_to_the_heading() {
    for (help, leads) in [("https://git.example/refused.html", true), ("ask Alice", false)] {
        let world = World::new();
        world.policy(&format!(
            "version = 1\nunmatched-refs = \"accept\"\nhelp = \"{help}\"\n[[rule]]\nname = \"main\"\n\
             refs = [\"refs/heads/main\"]\nsignatures = {{ commits = \"all\" }}\n"
        ));
        let unsigned = objects::unsigned(&world, &[], "Root");
        let refused = world.refuses(&[&format!("{unsigned}:refs/heads/main")], &["unsigned"]);
        let link = "https://git.example/refused.html#unsigned";
        assert_eq!(refused.hints().contains(&format!("more about this: {link}")), leads, "{}", refused.told());
        assert!(refused.hints().contains(&format!("no signing key yet: {help}")), "{}", refused.told());
        let judged = {
            let mut judge = world.command(env!("CARGO_BIN_EXE_countersign"), &world.clone_path());
            judge.args(["judge", "--format", "json", "--policy"]).arg(world.policy_path());
            judge.args(["refs/heads/main", &world.null(), &unsigned]);
            run(judge, b"").stdout
        };
        let judged: serde_json::Value = serde_json::from_slice(&judged).unwrap();
        let more = &judged["findings"][0]["more"];
        assert_eq!(more.as_str(), leads.then_some(link), "{judged}");
        assert!(leads || more.is_null(), "{judged}");
    }
}

/// A server on which `main` and tags are protected, and a clone whose next push is refused for this reason.
struct Refused {
    world: World,
    /// What is pushed.
    refspecs: &'static [&'static str],
}

impl Refused {
    fn new(code: &str) -> Self {
        let world = World::new();
        world.policy(
            "version = 1\nunmatched-refs = \"accept\"\n[[rule]]\nname = \"main\"\nrefs = [\"refs/heads/main\"]\n\
             signatures = { commits = \"all\" }\n[[rule]]\nname = \"tags\"\nrefs = [\"refs/tags/**\"]\n\
             tags = { signed = true, on = [\"refs/heads/main\"] }\n",
        );
        let home = world.path("home");
        fs::create_dir(home.join(".ssh")).unwrap();
        fs::copy(keys::signing_key(keys::ALICE_SSH), home.join(".ssh/id_ed25519")).unwrap();
        set_mode(&home.join(".ssh/id_ed25519"), 0o600);
        fs::write(home.join(".ssh/id_ed25519.pub"), keys::public_ssh(keys::ALICE_SSH)).unwrap();
        commit(&world, "-S", "Root");
        world.accepts(&["main"]);
        let refspecs = refused_for(code, &world);
        Self { world, refspecs }
    }

    /// Types what the page says, with the settings for this clone alone.
    fn types(&self, commands: &str) {
        let mut shell = self.world.command("sh", &self.world.clone_path());
        shell.args(["-e", "-u", "-c", commands]).env("GIT_CONFIG_GLOBAL", self.world.path("home/.gitconfig"));
        let output = run(shell, b"");
        let told = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{commands}\n{}", String::from_utf8_lossy(&told));
    }
}

fn commit(world: &World, sign: &str, message: &str) {
    world.git(&["commit", "-q", sign, "--allow-empty", "-m", message]);
}

/// Makes what is refused.
fn refused_for(code: &str, world: &World) -> &'static [&'static str] {
    match code {
        "unsigned" => {
            world.git(&["config", "--unset", "user.signingkey"]);
            world.git(&["config", "--unset", "gpg.format"]);
            ["One", "Two"].iter().for_each(|message| commit(world, "--no-gpg-sign", message));
            &["main"]
        }
        "unknown-key" => {
            world.git(&["config", "user.signingkey", &keys::signing_key(keys::MALLORY_SSH)]);
            ["One", "Two"].iter().for_each(|message| commit(world, "-S", message));
            // Set for all repositories on the page, where nothing else is set for this one.
            world.git(&["config", "--unset", "user.signingkey"]);
            &["main"]
        }
        "signature-in-future" => {
            let base = world.git(&["rev-parse", "HEAD"]);
            let ahead = Commit::new(world, &[&base], "Ahead");
            let armor = keys::sign_at(keys::DAVE_OPENPGP, "20900101T000000", &ahead.payload());
            let id = objects::write(world, "commit", &ahead.with(&signature_header(world, &armor)));
            world.git(&["reset", "-q", "--hard", &id]);
            &["main"]
        }
        "force-push" => {
            let root = world.git(&["rev-parse", "main"]);
            let theirs = objects::signed(world, keys::BOB_SSH, &[&root], "Theirs");
            world.accepts(&[&format!("{theirs}:refs/heads/main")]);
            commit(world, "-S", "Mine");
            &["+main"]
        }
        "tag-moved" => {
            world.git(&["tag", "-s", "-m", "Release 1.0", "v1.0"]);
            world.accepts(&["v1.0"]);
            world.git(&["tag", "-f", "-s", "-m", "Release 1.0, corrected", "v1.0"]);
            &["+v1.0"]
        }
        "not-annotated" => {
            world.git(&["tag", "v1.0"]);
            &["v1.0"]
        }
        "tag-name" => {
            world.git(&["tag", "-s", "-m", "Release 1.0", "v1.0"]);
            world.accepts(&["v1.0"]);
            &["v1.0:v2.0"]
        }
        "tag-not-on" => {
            commit(world, "-S", "On no branch of the server");
            world.git(&["tag", "-s", "-m", "Release 1.0", "v1.0"]);
            &["v1.0"]
        }
        "shallow" => {
            world.git_in(&world.server(), &["config", "receive.shallowUpdate", "true"]);
            commit(world, "-S", "Two");
            let (clone, upstream) = (world.clone_path(), world.path("upstream.git"));
            fs::rename(clone.join(".git"), &upstream).unwrap();
            fs::remove_dir_all(&clone).unwrap();
            let url = format!("file://{}", upstream.display());
            world.git_in(&world.path("home"), &["clone", "-q", "--depth=1", &url, clone.to_str().unwrap()]);
            world.git(&["remote", "set-url", "--push", "origin", world.server().to_str().unwrap()]);
            world.work_as(keys::ALICE_SSH);
            commit(world, "-S", "On top");
            // It cannot see that this is a fast-forward.
            &["+main"]
        }
        "no-push-certificate" => {
            world.git_in(&world.server(), &["config", "receive.certNonceSeed", "a secret"]);
            world.policy_for_main("pusher = { certificate = \"required\" }");
            commit(world, "-S", "One");
            world.git(&["config", "user.signingkey", &keys::signing_key(keys::ALICE_SSH)]);
            &["main"]
        }
        "emergency-form" => {
            world.policy_for_main(
                "updates = { force-push = true }\nreview = [ { approvals = 1 } ]\n\
                 emergency = { by = [\"alice@example.com\"], waives = [\"review\"] }",
            );
            fs::write(world.clone_path().join("fix"), "").unwrap();
            world.git(&["add", "fix"]);
            commit(world, "-S", "Serve again\n\nEmergency: INC-42 the site is down");
            &["main"]
        }
        other => panic!("docs/refused.md shows commands for `{other}`; make here what is refused for it"),
    }
}

#[test]
fn the_commands_under_each_reason_mend_it() {
    let mut followed = 0;
    for (code, body) in sections() {
        let Some(commands) = body.split("\n```sh\n").nth(1).map(|rest| rest.split("```").next().unwrap()) else {
            continue;
        };
        let refused = Refused::new(&code);
        let before = refused.world.refuses_in_words(refused.refspecs, &[&code]).after;
        refused.types(commands);
        assert_ne!(refused.world.refs(), before, "{code}: nothing came in");
        followed += 1;
    }
    assert!(followed >= 8, "{followed}");
}
