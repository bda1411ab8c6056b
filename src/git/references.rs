//! Refs as files: loose ones, symbolic ones, and `packed-refs` (gitrepository-layout(5), git's `refs/files-backend.c`).
#![expect(clippy::disallowed_methods, reason = "reads the repository")]

use crate::{
    Undecided,
    push::{ObjectFormat, ObjectId, RefName},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsStr,
    fs,
    io::{self, ErrorKind},
    os::unix::ffi::OsStrExt,
    path::Path,
};

/// The symbolic refs of a repository, `HEAD` among them.
#[derive(Clone, Debug, Default)]
pub struct References {
    /// Where `HEAD` points (`refs/heads/main`), also if that does not exist yet; `None` if it is detached.
    pub head: Option<RefName>,
    /// Symbolic refs below `refs/`: name and direct target, which need not exist.
    pub symbolic: Vec<(RefName, RefName)>,
}

impl References {
    /// The ref that an update of `name` writes: itself, or where it leads to in the end.
    pub fn written(&self, name: &RefName) -> RefName {
        let mut way = vec![name];
        while let Some(at) = way.last()
            && let Some((_, target)) = self.symbolic.iter().find(|(from, to)| from == *at && !way.contains(&to))
        {
            way.push(target);
        }
        way.last().map_or_else(|| name.clone(), |&last| last.clone())
    }

    /// All names under which an update of `name` shows: itself, what it leads to, and what leads to any of these.
    pub fn names_of(&self, name: &RefName) -> Vec<RefName> {
        let mut names = vec![name.clone()];
        while let Some((_, target)) =
            self.symbolic.iter().find(|(from, to)| names.contains(from) && !names.contains(to))
        {
            names.push(target.clone());
        }
        while let Some((from, _)) = self.symbolic.iter().find(|(from, to)| names.contains(to) && !names.contains(from))
        {
            names.push(from.clone());
        }
        names
    }
}

/// What a loose ref holds.
enum Value {
    /// A name, `HEAD` or below `refs/`.
    Symbolic(Vec<u8>),
    /// Anything else, as it stands.
    Other(Vec<u8>),
}

/// Git's `parse_loose_ref_contents`.
const SYMBOLIC: &[u8] = b"ref:";

pub(super) fn symbolic(git_dir: &Path) -> Result<References, Undecided> {
    let head = git_dir.join("HEAD");
    let head = match read_value(&head).map_err(|error| reading(&head, error))? {
        Some(Value::Symbolic(target)) => RefName::new(&target),
        Some(Value::Other(_)) | None => None,
    };
    let mut symbolic = Vec::new();
    visit_loose(git_dir, &mut |name, path, value| {
        if let Value::Symbolic(target) = value {
            let target =
                match target.as_slice() {
                    b"HEAD" => head.clone(),
                    target => Some(RefName::new(target).ok_or_else(|| {
                        reading(path, "it leads to something that is neither `HEAD` nor below `refs/`")
                    })?),
                };
            symbolic.extend(target.map(|target| (name, target)));
        }
        Ok(())
    })?;
    Ok(References { head, symbolic })
}

pub(super) fn direct(git_dir: &Path, format: ObjectFormat) -> Result<Vec<(RefName, ObjectId)>, Undecided> {
    // A ref that is being packed is written to `packed-refs` before its file goes: the files come first.
    let mut loose = BTreeMap::new();
    visit_loose(git_dir, &mut |name, path, value| {
        let value = match value {
            Value::Symbolic(_) => None,
            Value::Other(bytes) => Some(loose_id(&bytes, format).ok_or_else(|| reading(path, "it is no ref"))?),
        };
        loose.insert(name, value);
        Ok(())
    })?;
    let packed = git_dir.join("packed-refs");
    let lines = read_packed(&packed)?;
    let mut refs = Vec::new();
    for line in lines.split(|&byte| byte == b'\n') {
        // `#` begins the header, `^` what the tag before it peels to.
        if line.is_empty() || line.starts_with(b"#") || line.starts_with(b"^") {
            continue;
        }
        let (name, id) = packed_ref(line, format).ok_or_else(|| {
            reading(&packed, format!("there is a line that is no ref: {:?}", String::from_utf8_lossy(line)))
        })?;
        if !loose.contains_key(&name) {
            refs.push((name, id));
        }
    }
    refs.extend(loose.into_iter().filter_map(|(name, value)| Some((name, value?))));
    refs.sort();
    Ok(refs)
}

/// All direct refs whose names begin with `prefix`, which ends in `/`, sorted by name.
pub(super) fn below(
    git_dir: &Path,
    format: ObjectFormat,
    prefix: &[u8],
) -> Result<Vec<(RefName, ObjectId)>, Undecided> {
    let mut loose = BTreeMap::new();
    let folder = prefix.strip_suffix(b"/").unwrap_or(prefix);
    visit_loose_in(git_dir, folder, &mut |name, path, value| {
        let value = match value {
            Value::Symbolic(_) => None,
            Value::Other(bytes) => Some(loose_id(&bytes, format).ok_or_else(|| reading(path, "it is no ref"))?),
        };
        loose.insert(name, value);
        Ok(())
    })?;
    let packed = git_dir.join("packed-refs");
    let lines = read_packed(&packed)?;
    let middle = [b" ", prefix].concat();
    let mut refs = Vec::new();
    for at in memchr::memmem::find_iter(&lines, &middle) {
        let start = lines.get(..at).and_then(|before| memchr::memrchr(b'\n', before)).map_or(0, |end| end + 1);
        let line = lines.get(start..).and_then(|rest| rest.split(|&byte| byte == b'\n').next());
        // What else has these bytes in it is the name of another ref.
        if let Some((name, id)) = line.and_then(|line| packed_ref(line, format))
            && at == start + format.hex_len()
            && !loose.contains_key(&name)
        {
            refs.push((name, id));
        }
    }
    refs.extend(loose.into_iter().filter_map(|(name, value)| Some((name, value?))));
    refs.sort();
    Ok(refs)
}

/// Looking one name up in `packed-refs` takes a tenth of the time in which all are read.
const LOOKED_FOR_ALONE: usize = 8;

/// The values of those of these refs that are there and direct.
pub(super) fn values(
    git_dir: &Path,
    format: ObjectFormat,
    names: &[RefName],
) -> Result<BTreeMap<RefName, ObjectId>, Undecided> {
    if names.len() > LOOKED_FOR_ALONE {
        let names: BTreeSet<&RefName> = names.iter().collect();
        let all = direct(git_dir, format)?.into_iter();
        return Ok(all.filter(|(name, _)| names.contains(name)).collect());
    }
    let (mut values, mut left) = (BTreeMap::new(), Vec::new());
    for name in names {
        let path = git_dir.join(OsStr::from_bytes(name.as_bytes()));
        match read_value(&path) {
            Ok(Some(Value::Other(bytes))) => {
                let value = loose_id(&bytes, format).ok_or_else(|| reading(&path, "it is no ref"))?;
                values.insert(name.clone(), value);
            }
            Ok(Some(Value::Symbolic(_))) => {}
            Ok(None) => left.push(name),
            // The name of a folder, or below that of a ref: no ref can have it.
            Err(error) if matches!(error.kind(), ErrorKind::IsADirectory | ErrorKind::NotADirectory) => left.push(name),
            Err(error) => return Err(reading(&path, error)),
        }
    }
    let packed = git_dir.join("packed-refs");
    let lines = match left.is_empty() {
        true => Vec::new(),
        false => read_packed(&packed)?,
    };
    for name in left {
        let line_end = [b" ", name.as_bytes(), b"\n"].concat();
        let found = memchr::memmem::find_iter(&lines, &line_end).find_map(|end| {
            let line = lines.get(..end)?.rsplit(|&byte| byte == b'\n').next()?;
            (line.len() == format.hex_len()).then(|| ObjectId::from_hex(line)).flatten()
        });
        values.extend(found.map(|value| (name.clone(), value)));
    }
    Ok(values)
}

/// Nothing if there is no such file.
fn read_packed(path: &Path) -> Result<Vec<u8>, Undecided> {
    match fs::read(path) {
        Ok(lines) => Ok(lines),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(reading(path, error)),
    }
}

fn packed_ref(line: &[u8], format: ObjectFormat) -> Option<(RefName, ObjectId)> {
    let (id, name) = line.split_at_checked(format.hex_len())?;
    Some((RefName::new(name.strip_prefix(b" ")?)?, ObjectId::from_hex(id)?))
}

/// Git wants white space or the end after the id.
fn loose_id(bytes: &[u8], format: ObjectFormat) -> Option<ObjectId> {
    let (id, rest) = bytes.split_at_checked(format.hex_len())?;
    rest.first().is_none_or(u8::is_ascii_whitespace).then(|| ObjectId::from_hex(id)).flatten()
}

/// Visits every file below `refs/` whose name is a ref's; others are none (git leaves them alone: lock files).
fn visit_loose(
    git_dir: &Path,
    visit: &mut dyn FnMut(RefName, &Path, Value) -> Result<(), Undecided>,
) -> Result<(), Undecided> {
    visit_loose_in(git_dir, b"refs", visit)
}

/// The same below one folder, such as `refs/heads`.
fn visit_loose_in(
    git_dir: &Path,
    folder: &[u8],
    visit: &mut dyn FnMut(RefName, &Path, Value) -> Result<(), Undecided>,
) -> Result<(), Undecided> {
    let mut folders = vec![(git_dir.join(OsStr::from_bytes(folder)), folder.to_vec())];
    while let Some((folder, prefix)) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            // Git removes folders that have become empty.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => continue,
            Err(error) => return Err(reading(&folder, error)),
        };
        for entry in entries {
            let entry = entry.map_err(|error| reading(&folder, error))?;
            let path = entry.path();
            let name = [&prefix, entry.file_name().as_bytes()].join(&b'/');
            let kind = entry.file_type().map_err(|error| reading(&path, error))?;
            let leads_to_folder = kind.is_symlink() && path.is_dir();
            if kind.is_dir() || leads_to_folder {
                folders.push((path, name));
            } else if let Some(name) = RefName::new(&name)
                && let Some(value) = read_listed(&path, kind).map_err(|error| reading(&path, error))?
            {
                visit(name, &path, value)?;
            }
        }
    }
    Ok(())
}

/// `None` if there is no such file (any more).
fn read_value(path: &Path) -> io::Result<Option<Value>> {
    match fs::symlink_metadata(path) {
        Ok(found) => read_listed(path, found.file_type()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The same of a file of which it is known whether it is a link.
fn read_listed(path: &Path, kind: fs::FileType) -> io::Result<Option<Value>> {
    // Git once made symbolic refs as symbolic links, and still reads those that lead to a ref's name.
    if kind.is_symlink()
        && let Ok(target) = fs::read_link(path)
    {
        let target = target.as_os_str().as_bytes();
        if RefName::new(target).is_some() {
            return Ok(Some(Value::Symbolic(target.to_vec())));
        }
    }
    match fs::read(path) {
        Ok(bytes) => Ok(Some(match bytes.strip_prefix(SYMBOLIC) {
            Some(target) => Value::Symbolic(target.trim_ascii().to_vec()),
            None => Value::Other(bytes),
        })),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn reading(path: &Path, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Undecided {
    Undecided::server(format!("reading {}", path.display()), cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RefName {
        RefName::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn an_update_shows_under_all_names_that_lead_to_it() {
        let pairs = [("refs/a", "refs/b"), ("refs/b", "refs/c"), ("refs/d", "refs/c"), ("refs/x", "refs/y")];
        let symbolic = pairs.iter().map(|(from, to)| (name(from), name(to))).collect();
        let references = References { head: None, symbolic };
        let names = |of: &str| {
            let mut names = references.names_of(&name(of));
            names.sort();
            names.iter().map(RefName::to_string).collect::<Vec<_>>().join(" ")
        };
        for of in ["refs/a", "refs/b", "refs/c", "refs/d"] {
            assert_eq!(names(of), "refs/a refs/b refs/c refs/d", "{of}");
        }
        assert_eq!(names("refs/y"), "refs/x refs/y");
        assert_eq!(names("refs/z"), "refs/z");
        for (of, written) in [("refs/a", "refs/c"), ("refs/c", "refs/c"), ("refs/x", "refs/y"), ("refs/z", "refs/z")] {
            assert_eq!(references.written(&name(of)), name(written), "{of}");
        }
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "the refs to be read are made here")]
    fn a_few_are_found_as_all_are() {
        let folder = tempfile::tempdir().unwrap();
        let id = |digit: char| digit.to_string().repeat(40);
        fs::create_dir_all(folder.path().join("refs/heads/folder")).unwrap();
        fs::write(folder.path().join("refs/heads/loose"), id('1') + "\n").unwrap();
        fs::write(folder.path().join("refs/heads/both"), id('2') + "\n").unwrap();
        fs::write(folder.path().join("refs/heads/leads"), "ref: refs/heads/loose\n").unwrap();
        let packed = format!(
            "# pack-refs with: peeled fully-peeled sorted \n{} refs/heads/both\n{} refs/heads/leads\n{} refs/heads/packed\n\
             {} refs/tags/v1\n^{}\n{} refs/x/refs/heads/packed\n",
            id('3'),
            id('4'),
            id('5'),
            id('6'),
            id('7'),
            id('8'),
        );
        fs::write(folder.path().join("packed-refs"), packed).unwrap();
        let all: BTreeMap<_, _> = direct(folder.path(), ObjectFormat::Sha1).unwrap().into_iter().collect();
        assert_eq!(all.len(), 5);
        let asked = ["both", "loose", "leads", "packed", "folder", "folder/x", "loose/x", "gone"];
        let mut asked: Vec<_> = asked.iter().map(|asked| name(&format!("refs/heads/{asked}"))).collect();
        for more in [0, LOOKED_FOR_ALONE] {
            asked.extend((0..more).map(|number| name(&format!("refs/heads/n{number}"))));
            let found = values(folder.path(), ObjectFormat::Sha1, &asked).unwrap();
            let expected = all.iter().filter(|(name, _)| asked.contains(name));
            assert_eq!(found, expected.map(|(name, value)| (name.clone(), *value)).collect(), "{more}");
        }
        assert_eq!(values(folder.path(), ObjectFormat::Sha1, &[name("refs/tags/v1")]).unwrap().len(), 1);
    }

    #[test]
    fn a_circle_of_symbolic_refs_ends() {
        let references = References {
            head: None,
            symbolic: vec![(name("refs/a"), name("refs/b")), (name("refs/b"), name("refs/a"))],
        };
        assert_eq!(references.names_of(&name("refs/a")), [name("refs/a"), name("refs/b")]);
        assert_eq!(references.written(&name("refs/a")), name("refs/b"));
    }
}
