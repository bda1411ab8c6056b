//! docs/servers.md: the configuration that servers are tested with is read from it, and what they can do is written into it.

use crate::{capabilities::Row, daemon, gitea, gitlab, gitolite, http, server::Capability, sshd};
use std::{
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    thread,
};

/// The table is all that stands between these headings.
const BEGIN: &str = "## What each can do\n";
const END: &str = "## What that means\n";

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/servers.md")
}

/// The code block that is opened so, with what stands there for a real server's places replaced.
pub fn block(opening: &str, places: &[(&str, &str)]) -> String {
    let page = fs::read_to_string(path()).unwrap();
    let (_, rest) = page.split_once(&format!("\n```{opening}\n")).unwrap_or_else(|| panic!("there is no ```{opening}"));
    let text = rest.split_once("```").unwrap().0;
    places.iter().fold(text.to_owned(), |text, (there, here)| {
        assert!(text.contains(there), "```{opening} has no {there}");
        text.replace(there, here)
    })
}

/// The line of an indented block that begins so, of another page.
pub fn line(page: &str, beginning: &str) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page)).unwrap();
    let mut lines = text.lines().filter(|line| line.starts_with("    ")).map(str::trim);
    let found = lines.find(|line| line.starts_with(beginning));
    found.unwrap_or_else(|| panic!("{page}: no block has {beginning}")).to_owned() + "\n"
}

/// Every answer comes of a server that ran; those that are running already are waited for.
fn table() -> String {
    let rows = thread::scope(|scope| {
        let rows = [sshd::row, http::nginx, http::apache, daemon::row, gitolite::row, gitea::row, gitlab::row];
        let running = rows.map(|row| scope.spawn(row));
        running.map(|row| row.join().unwrap())
    });
    let (mut text, mut notes) = (String::from("| |"), Vec::new());
    Capability::ALL.iter().for_each(|(_, head)| write!(text, " {head} |").unwrap());
    text += &format!("\n|---|{}\n", "---|".repeat(Capability::ALL.len()));
    for Row { name, cells } in rows {
        write!(text, "| {name} |").unwrap();
        for cell in cells {
            match cell {
                None => text += " yes |",
                Some(why) => {
                    notes.push(*why);
                    write!(text, " no[^{}] |", notes.len()).unwrap();
                }
            }
        }
        text.push('\n');
    }
    for (number, why) in notes.iter().enumerate() {
        write!(text, "\n[^{}]: {why}\n", number + 1).unwrap();
    }
    text
}

#[test]
fn the_manual_says_what_each_server_can_do() {
    let page = fs::read_to_string(path()).unwrap();
    let (head, rest) = page.split_once(BEGIN).unwrap();
    let (_, tail) = rest.split_once(END).unwrap();
    let expected = format!("{head}{BEGIN}\n{}\n{END}{tail}", table());
    if env::var_os("UPDATE_GOLDENS").is_some() {
        fs::write(path(), &expected).unwrap();
    }
    let page = fs::read_to_string(path()).unwrap();
    assert_eq!(page, expected, "UPDATE_GOLDENS=1 make test-servers writes it");
}
