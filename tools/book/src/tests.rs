//! A book that is whole, and each way in which it may not be.

#![allow(clippy::unwrap_used)]

use super::build_and_check;
use std::fs;
use tempfile::TempDir;

/// A book of an introduction, a page for each reason and one in a folder, before it is made wrong.
const WHOLE: &[(&str, &str)] = &[
    ("book.toml", "[book]\ntitle = \"Tiny\"\nsrc = \"docs\"\n[build]\nbuild-dir = \"out\"\ncreate-missing = false\n"),
    ("docs/SUMMARY.md", "# Summary\n\n[Tiny](README.md)\n\n- [Refused](refused.md)\n- [Install](guide/install.md)\n"),
    ("docs/README.md", "# Tiny\n\n[Why](refused.md#not-signed), [how](guide/install.md), [where](#tiny).\n"),
    ("docs/refused.md", "# Refused\n\n## not-signed\n\nSign it.\n\n## bad\n\n[Install](guide/install.md#the-hook).\n"),
    (
        "docs/guide/install.md",
        "# Install\n\n## The hook\n\n[Refused](../refused.md#bad), [git](https://git-scm.com).\n",
    ),
];

/// The faults of this book, in which a text stands in place of another.
fn faults(file: &str, from: &str, to: &str) -> Vec<String> {
    let folder = TempDir::new().unwrap();
    fs::create_dir_all(folder.path().join("docs/guide")).unwrap();
    for (name, text) in WHOLE {
        let changed = if *name == file { text.replace(from, to) } else { (*text).to_owned() };
        assert_eq!(*text != changed, *name == file && from != to, "{name}");
        fs::write(folder.path().join(name), changed).unwrap();
    }
    build_and_check(folder.path()).unwrap().0
}

#[test]
fn a_whole_book_has_no_fault() {
    assert_eq!(faults("", "", ""), Vec::<String>::new());
}

#[test]
fn each_fault_is_named_on_the_page_where_it_stands() {
    for (file, from, to, expected) in [
        (
            "docs/guide/install.md",
            "../refused.md#bad",
            "../nowhere.md",
            "guide/install.html: the link `../nowhere.html`: there is no nowhere.html",
        ),
        (
            "docs/guide/install.md",
            "#bad",
            "#worse",
            "guide/install.html: the link `../refused.html#worse`: nothing in refused.html has this id",
        ),
        ("docs/README.md", "(#tiny)", "(#huge)", "index.html: the link `#huge`: nothing in index.html has this id"),
        (
            "docs/README.md",
            "guide/install.md",
            "../LICENSE",
            "index.html: the link `../LICENSE`: it leads out of the book",
        ),
        (
            "docs/README.md",
            "guide/install.md",
            "/install.html",
            "index.html: the link `/install.html`: it leads out of the book",
        ),
        (
            "docs/refused.md",
            "## not-signed\n",
            "## not-signed {#unsigned}\n",
            "refused.html: the reason `not-signed` is not found by its name, but by `unsigned`",
        ),
        (
            "docs/refused.md",
            "## bad\n",
            "## not-signed\n",
            "refused.html: the reason `not-signed` is not found by its name, but by `not-signed-1`",
        ),
        ("docs/SUMMARY.md", "- [Install](guide/install.md)\n", "", "guide/install.md: SUMMARY.md does not list it"),
    ] {
        let found = faults(file, from, to);
        assert!(found.iter().any(|fault| fault == expected), "{expected}\n{found:#?}");
    }
}
