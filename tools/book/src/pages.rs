//! All that the book was rendered into, and what of it leads nowhere.

use crate::page::Page;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Component, Path, PathBuf},
};

/// The page whose sections are the reasons to refuse a push. A refusal links to `<help>#<reason>`.
const REFUSED: &str = "refused.html";

/// The rendered book. Paths are from its folder.
pub struct Pages {
    files: BTreeSet<PathBuf>,
    pages: BTreeMap<PathBuf, Page>,
}

impl Pages {
    pub fn read(folder: &Path) -> io::Result<Self> {
        let files = files(folder)?;
        let mut pages = BTreeMap::new();
        for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "html")) {
            pages.insert(file.clone(), Page::parse(&fs::read_to_string(folder.join(file))?));
        }
        Ok(Self { files, pages })
    }

    pub fn number(&self) -> usize {
        self.pages.len()
    }

    /// Follows every link to the book itself; how many there are.
    pub fn follow_links(&self, faults: &mut Vec<String>) -> usize {
        let mut followed = 0;
        for (name, page) in &self.pages {
            for link in page.links.iter().filter(|link| !leads_elsewhere(link)) {
                followed += 1;
                if let Some(fault) = self.fault_of(name, page, link) {
                    faults.push(format!("{}: the link `{link}`: {fault}", name.display()));
                }
            }
        }
        faults.extend((followed == 0).then(|| "it has no links at all".to_owned()));
        followed
    }

    fn fault_of(&self, name: &Path, page: &Page, link: &str) -> Option<String> {
        let (path, id) = link.split_once('#').unwrap_or((link, ""));
        let (target, page) = match path {
            "" => (name.to_owned(), Some(page)),
            path => {
                let folder = name.parent().unwrap_or(Path::new(""));
                let Some(target) = plain(&folder.join(path)) else {
                    return Some("it leads out of the book".to_owned());
                };
                let page = self.pages.get(&target);
                (target, page)
            }
        };
        if !self.files.contains(&target) {
            return Some(format!("there is no {}", target.display()));
        }
        let is_there = id.is_empty() || page.is_some_and(|page| page.ids.contains(id));
        (!is_there).then(|| format!("nothing in {} has this id", target.display()))
    }

    /// That each reason's section is found by the reason's name; how many there are. That they are the reasons of the
    /// program, `tests/suite/manual.rs` holds.
    pub fn reasons(&self, faults: &mut Vec<String>) -> usize {
        let sections = self.pages.get(Path::new(REFUSED)).map(|page| &*page.sections).unwrap_or_default();
        for (id, text) in sections.iter().filter(|(id, text)| id != text) {
            faults.push(format!("{REFUSED}: the reason `{text}` is not found by its name, but by `{id}`"));
        }
        faults.extend(sections.is_empty().then(|| format!("{REFUSED}: it explains no reason")));
        sections.len()
    }
}

/// It has a scheme, or is of another host.
fn leads_elsewhere(link: &str) -> bool {
    let scheme = link.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric())) || link.starts_with("//")
}

/// `guide/../policy.html` is `policy.html`. `None`: it leads out of the book.
fn plain(path: &Path) -> Option<PathBuf> {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => plain.pop().then_some(())?,
            Component::CurDir => {}
            Component::Normal(part) => plain.push(part),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(plain)
}

/// All files in a folder and those in it, by their paths from it.
pub fn files(folder: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let (mut found, mut waiting) = (BTreeSet::new(), vec![PathBuf::new()]);
    while let Some(below) = waiting.pop() {
        for entry in fs::read_dir(folder.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            match entry.file_type()?.is_dir() {
                true => waiting.push(path),
                false => drop(found.insert(path)),
            }
        }
    }
    Ok(found)
}
