//! `policy install`: a policy that was checked takes the place of the one in force, which is kept.
//!
//! At each moment, whatever ends the program, there is a whole policy in the place: the old one or the new one. Names in
//! the folder of `policy.toml`: `policy.toml.former` is the one that `rollback` brings back; `policy.toml.new` and
//! `policy.toml.former.new` are being written, and left behind only by a crash.

use super::{
    Common, Form, Outcome,
    output::Output,
    place::{Files, git_dir, now},
    policy,
};
use crate::{
    Undecided,
    bounds::Bounds,
    report::{SCHEMA, escaped},
    run::{SITE_POLICY, Unusable},
};
use clap::Args;
use rustix::{
    fs::{FlockOperation, Gid, Mode, Uid, fchmod, fchown, flock},
    io::Errno,
};
use serde_json::json;
use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::Write,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// Puts a policy in force: that of `--policy`, with `--repo` the repository's own, else the site's.
///
/// It is checked as it will be in its place, where what is relative in it is relative to. With mistakes (exit status 1)
/// nothing changes. The former one is kept beside it; `policy rollback` brings it back.
#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The new policy
    file: PathBuf,
}

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let files = Files::new(common)?;
    let setup = files.setup();
    let place = Place::of(common)?;
    let bytes = setup.trusted.read(&arguments.file, Bounds::POLICY)?;
    let loaded = match setup.in_place(bytes.clone(), &place.policy) {
        Ok(loaded) => loaded,
        Err(Unusable::Unread(undecided)) => return Err(undecided),
        Err(Unusable::Broken(source, problems)) => {
            return policy::broken(common, &arguments.file, &source, &problems, output);
        }
    };
    let warnings = policy::warnings(common, &loaded, now()?)?;
    let lock = place.lock()?;
    // The kept one will be ours: it must not take in what somebody else wrote.
    let former = match setup.trusted.exists(&place.policy)? {
        true => Some(setup.trusted.read(&place.policy, Bounds::POLICY)?),
        false => None,
    };
    let changed = former.as_ref() != Some(&bytes);
    if changed {
        place.install(&bytes, former.as_deref(), &mut |_| Ok(()))?;
    }
    drop(lock);
    let said = match (changed, &former) {
        (false, _) => "is in force already",
        (true, Some(_)) => "installed; `countersign policy rollback` brings the former one back",
        (true, None) => "installed; there was none before",
    };
    place.tell(common, changed, said, &warnings, output)
}

/// Where a policy is in force, and what stands beside it.
pub(super) struct Place {
    /// The policy.
    pub(super) policy: PathBuf,
    /// The one before it.
    pub(super) former: PathBuf,
}

/// What is done one after the other; a crash may come before each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// The new policy is written under a name that nobody reads.
    WriteNew,
    /// So is a copy of the present one.
    WriteFormer,
    /// That takes the former one's place.
    KeepFormer,
    /// The new one takes the present one's place.
    Replace,
    /// The folder is made durable.
    Settle,
}

impl Place {
    /// The place that the options name. What `GIT_DIR` says does not count.
    pub(super) fn of(common: &Common) -> Result<Self, Undecided> {
        let policy = match (&common.policy, &common.repo) {
            (Some(named), _) => named.clone(),
            (None, Some(_)) => git_dir(common)?.join("countersign/policy.toml"),
            (None, None) => PathBuf::from(SITE_POLICY),
        };
        Self::at(policy)
    }

    fn at(policy: PathBuf) -> Result<Self, Undecided> {
        if policy.is_symlink() {
            let why = "it is a link: name with `--policy` what it leads to, or install a file in its place by hand";
            return Err(Undecided::server(format!("replacing {}", policy.display()), why));
        }
        let former = beside(&policy, ".former");
        Ok(Self { policy, former })
    }

    fn folder(&self) -> &Path {
        self.policy.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    /// Keeps other administrators' commands out until it is dropped. Makes the folder, if only that is missing.
    pub(super) fn lock(&self) -> Result<File, Undecided> {
        let folder = self.folder();
        if !folder.is_dir() {
            DirBuilder::new().mode(0o755).create(folder).map_err(|error| self.failed("making its folder", &error))?;
            // The hook may run as another user, whatever the umask of whoever calls this.
            let made = fs::set_permissions(folder, Permissions::from_mode(0o755));
            made.map_err(|error| self.failed("making its folder", &error))?;
        }
        let handle = File::open(folder).map_err(|error| self.failed("opening its folder", &error))?;
        match flock(&handle, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(handle),
            Err(Errno::WOULDBLOCK) => Err(Undecided::server(self.doing(), "somebody else is replacing it just now")),
            Err(error) => Err(Undecided::server(self.doing(), error)),
        }
    }

    /// Puts a policy in force that was checked, and keeps the present one. `before` is told each step.
    fn install(
        &self,
        new: &[u8],
        present: Option<&[u8]>,
        before: &mut dyn FnMut(Step) -> Result<(), Undecided>,
    ) -> Result<(), Undecided> {
        let (new_file, former_file) = (beside(&self.policy, ".new"), beside(&self.former, ".new"));
        before(Step::WriteNew)?;
        self.write(&new_file, new)?;
        if let Some(present) = present {
            before(Step::WriteFormer)?;
            self.write(&former_file, present)?;
            before(Step::KeepFormer)?;
            fs::rename(&former_file, &self.former).map_err(|error| self.failed("keeping the former one", &error))?;
            self.settle()?;
        }
        before(Step::Replace)?;
        fs::rename(&new_file, &self.policy).map_err(|error| self.failed("putting it in place", &error))?;
        before(Step::Settle)?;
        self.settle()
    }

    /// Writes a file that whoever reads the present policy can read; what a crash left under its name is removed.
    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), Undecided> {
        let failed = |error: std::io::Error| self.failed(&format!("writing {}", path.display()), &error);
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        let (mode, owner) = match fs::symlink_metadata(&self.policy) {
            Ok(present) => (present.mode() & 0o777, Some((present.uid(), present.gid()))),
            Err(_) => (0o644, None),
        };
        if let Some((user, group)) = owner {
            let group = Some(Gid::from_raw(group));
            fchown(&file, Some(Uid::from_raw(user)), group)
                .or_else(|_| fchown(&file, None, group))
                .map_err(|error| failed(error.into()))?;
        }
        fchmod(&file, Mode::from_raw_mode(mode)).map_err(|error| failed(error.into()))?;
        file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed)
    }

    /// Makes the names durable.
    pub(super) fn settle(&self) -> Result<(), Undecided> {
        let synced = File::open(self.folder()).and_then(|folder| folder.sync_all());
        synced.map_err(|error| self.failed("making it durable", &error))
    }

    /// What was done, to the administrator.
    pub(super) fn tell(
        &self,
        common: &Common,
        changed: bool,
        said: &str,
        warnings: &[String],
        output: &mut Output,
    ) -> Result<Outcome, Undecided> {
        let path = self.policy.to_string_lossy();
        if common.format == Form::Json {
            let former = self.former.is_file().then(|| self.former.to_string_lossy());
            let value = json!({
                "schema": SCHEMA, "errors": [], "warnings": warnings, "policy": path, "former": former, "changed": changed,
            });
            output.line(&value.to_string())?;
            return Ok(Outcome::Good);
        }
        for warning in warnings {
            output.line(&escaped(&format!("warning: {warning}")))?;
        }
        output.line(&escaped(&format!("{path}: {said}")))?;
        Ok(Outcome::Good)
    }

    fn doing(&self) -> String {
        format!("replacing the policy {}", self.policy.display())
    }

    pub(super) fn failed(&self, step: &str, error: &std::io::Error) -> Undecided {
        Undecided::server(self.doing(), format!("{step}: {error}"))
    }
}

/// The path with this at its end.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> Option<String> {
        fs::read_to_string(path).ok()
    }

    #[test]
    fn whatever_step_a_crash_comes_before_the_policy_is_whole_and_installing_again_works() {
        let steps = [Step::WriteNew, Step::WriteFormer, Step::KeepFormer, Step::Replace, Step::Settle];
        for crash in steps {
            let folder = tempfile::tempdir().unwrap();
            let place = Place::at(folder.path().join("policy.toml")).unwrap();
            place.install(b"first", None, &mut |_| Ok(())).unwrap();
            place.install(b"second", Some(b"first"), &mut |_| Ok(())).unwrap();
            let mut seen = Vec::new();
            let crashed = place.install(b"third", Some(b"second"), &mut |step| {
                seen.push(step);
                match step == crash {
                    true => Err(Undecided::server("installing", "the power went")),
                    false => Ok(()),
                }
            });
            assert!(crashed.is_err() && seen.last() == Some(&crash), "{crash:?}");
            let present = read(&place.policy).unwrap();
            let expected = if crash == Step::Settle { "third" } else { "second" };
            assert_eq!(present, expected, "{crash:?}");
            // What stands as the former one has been in force.
            let former = read(&place.former).unwrap();
            assert!(former == "first" || former == "second", "{crash:?}: {former}");
            place.install(b"fourth", Some(present.as_bytes()), &mut |_| Ok(())).unwrap();
            assert_eq!((read(&place.policy).unwrap(), read(&place.former).unwrap()), ("fourth".into(), present));
            let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
            left.sort();
            assert_eq!(left, ["policy.toml", "policy.toml.former"], "{crash:?}");
        }
    }

    #[test]
    fn the_first_policy_has_no_former_one() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(folder.path().join("policy.toml")).unwrap();
        let mut seen = Vec::new();
        place
            .install(b"first", None, &mut |step| {
                seen.push(step);
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, [Step::WriteNew, Step::Replace, Step::Settle]);
        assert_eq!((read(&place.policy).unwrap(), read(&place.former)), ("first".to_owned(), None));
        assert_eq!(fs::metadata(&place.policy).unwrap().mode() & 0o777, 0o644);
    }

    #[test]
    fn whoever_could_read_the_present_one_can_read_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(folder.path().join("policy.toml")).unwrap();
        place.install(b"first", None, &mut |_| Ok(())).unwrap();
        fs::set_permissions(&place.policy, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        place.install(b"second", Some(b"first"), &mut |_| Ok(())).unwrap();
        for path in [&place.policy, &place.former] {
            assert_eq!(fs::metadata(path).unwrap().mode() & 0o777, 0o640, "{}", path.display());
        }
    }

    #[test]
    fn one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::at(folder.path().join("policy.toml")).unwrap();
        let held = place.lock().unwrap();
        assert!(place.lock().unwrap_err().to_string().contains("somebody else"));
        drop(held);
        assert!(place.lock().is_ok());
    }

    #[test]
    fn a_link_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("policy.toml");
        std::os::unix::fs::symlink("elsewhere", &link).unwrap();
        assert!(Place::at(link).err().unwrap().to_string().contains("it is a link"));
    }
}
