//! Builds the manual and checks what came of it. Exits with 1, naming each fault, if there is one.
//!
//! Usage: `countersign-book [ROOT]`, where ROOT is the folder of `book.toml`, the current one if absent.

mod page;
mod pages;

use mdbook_driver::{MDBook, book::BookItem, errors::Error};
use pages::Pages;
use std::{collections::BTreeSet, env, path::Path, process::ExitCode};

fn main() -> ExitCode {
    let root = env::args_os().nth(1).unwrap_or_else(|| ".".into());
    match build_and_check(Path::new(&root)) {
        Ok((faults, counted)) if faults.is_empty() => {
            println!("{counted}");
            ExitCode::SUCCESS
        }
        Ok((faults, _)) => {
            for fault in &faults {
                eprintln!("error: the manual: {fault}");
            }
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: the manual: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What is wrong, a line each, and what was looked at, in words.
fn build_and_check(root: &Path) -> Result<(Vec<String>, String), Error> {
    let book = MDBook::load(root)?;
    book.build()?;
    let mut faults = unlisted(&book)?;
    let pages = Pages::read(&book.build_dir_for("html"))?;
    let followed = pages.follow_links(&mut faults);
    let reasons = pages.reasons(&mut faults);
    let counted =
        format!("the manual: {} pages, {followed} links and {reasons} reasons lead somewhere", pages.number());
    Ok((faults, counted))
}

/// The Markdown files that `SUMMARY.md` leaves out. mdBook would make no page of them, and say nothing.
fn unlisted(book: &MDBook) -> Result<Vec<String>, Error> {
    let source = book.source_dir();
    let listed: BTreeSet<_> = book
        .iter()
        .filter_map(|item| match item {
            BookItem::Chapter(chapter) => chapter.source_path.as_deref(),
            _ => None,
        })
        .collect();
    let mut faults = Vec::new();
    for file in pages::files(&source)? {
        let is_page = file.extension().is_some_and(|extension| extension == "md") && file != Path::new("SUMMARY.md");
        if is_page && !listed.contains(&*file) {
            faults.push(format!("{}: SUMMARY.md does not list it", file.display()));
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests;
