use super::*;
use std::{
    fs::{create_dir, set_permissions, write},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
};

struct Ground {
    temporary: tempfile::TempDir,
    files: TrustedFiles,
}

/// `folder/file`, both as they should be.
fn ground() -> Ground {
    let temporary = tempfile::tempdir().unwrap();
    create_dir(temporary.path().join("folder")).unwrap();
    write(temporary.path().join("folder/file"), "text").unwrap();
    let ground = Ground { temporary, files: TrustedFiles::new(&[]).unwrap() };
    ground.mode("folder", 0o755);
    ground.mode("folder/file", 0o644);
    ground
}

impl Ground {
    fn path(&self, name: &str) -> PathBuf {
        self.temporary.path().join(name)
    }

    fn mode(&self, name: &str, mode: u32) {
        set_permissions(self.path(name), PermissionsExt::from_mode(mode)).unwrap();
    }

    fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        self.files.read(&self.path(name), 100).map_err(|error| error.cause.to_string())
    }
}

#[test]
fn what_only_its_owner_can_write_is_read() {
    let ground = ground();
    assert_eq!(ground.read("folder/file").unwrap(), b"text");
    assert_eq!(ground.files.list(&ground.path("folder")).unwrap(), [ground.path("folder/file")]);
    assert!(ground.files.exists(&ground.path("folder/file")).unwrap());
    assert!(!ground.files.exists(&ground.path("folder/other")).unwrap());
    assert!(!ground.files.exists(&ground.path("other/file")).unwrap());
}

#[test]
fn what_others_can_write_is_refused_with_the_path_and_the_mend() {
    for (name, mode, mend) in
        [("folder/file", 0o646, "chmod o-w"), ("folder", 0o757, "chmod o-w"), ("folder", 0o775, "chmod g-w")]
    {
        let ground = ground();
        ground.mode(name, mode);
        let why = ground.read("folder/file").unwrap_err();
        assert!(why.contains(&format!("{mend} {}", ground.path(name).display())), "{why}");
    }
}

#[test]
fn a_group_may_write_if_it_is_allowed() {
    let ground = ground();
    ground.mode("folder/file", 0o664);
    assert!(ground.read("folder/file").unwrap_err().contains("--allow-group"));
    let found = std::fs::metadata(ground.path("folder/file")).unwrap();
    let allowing = TrustedFiles::owned_by(found.uid(), &[found.gid()]);
    assert_eq!(allowing.read(&ground.path("folder/file"), 100).unwrap(), b"text");
}

#[test]
fn another_owner_is_refused_and_the_right_one_is_not() {
    let ground = ground();
    let owner = std::fs::metadata(ground.path("folder/file")).unwrap().uid();
    assert!(TrustedFiles::owned_by(owner, &[]).read(&ground.path("folder/file"), 100).is_ok());
    if owner == 0 {
        std::os::unix::fs::chown(ground.path("folder/file"), Some(12345), None).unwrap();
        let why = ground.read("folder/file").unwrap_err();
        assert!(why.contains("belongs to user 12345"), "{why}");
        assert!(TrustedFiles::owned_by(12345, &[]).read(&ground.path("folder/file"), 100).is_ok());
    } else {
        let other = TrustedFiles::owned_by(owner + 1, &[]);
        let why = other.read(&ground.path("folder/file"), 100).unwrap_err().cause.to_string();
        assert!(why.contains(&format!("belongs to user {owner}")), "{why}");
    }
}

#[test]
fn links_are_followed_and_their_targets_checked() {
    let ground = ground();
    symlink("folder", ground.path("by-folder")).unwrap();
    symlink(ground.path("by-folder/../folder/file"), ground.path("by-file")).unwrap();
    assert_eq!(ground.read("by-file").unwrap(), b"text");
    ground.mode("folder", 0o777);
    assert!(ground.read("by-file").unwrap_err().contains("everybody can write"));
}

#[test]
fn a_link_in_a_folder_of_everybodys_is_refused_although_its_target_is_good() {
    let ground = ground();
    create_dir(ground.path("open")).unwrap();
    symlink(ground.path("folder/file"), ground.path("open/link")).unwrap();
    ground.mode("open", 0o755);
    assert_eq!(ground.read("open/link").unwrap(), b"text");
    ground.mode("open", 0o777);
    assert!(ground.read("open/link").unwrap_err().contains("chmod o-w"));
}

#[test]
fn a_link_to_nothing_is_not_taken_for_nothing() {
    let ground = ground();
    symlink("nowhere", ground.path("folder/link")).unwrap();
    let why = ground.files.exists(&ground.path("folder/link")).unwrap_err().cause.to_string();
    assert!(why.contains("a link leads to"), "{why}");
    symlink("turning", ground.path("turning")).unwrap();
    assert!(ground.read("turning").unwrap_err().contains("too many links"));
}

#[test]
fn a_sticky_folder_of_roots_is_fine_above_but_not_to_list() {
    let ground = ground();
    let is_root = std::fs::metadata(ground.path("folder")).unwrap().uid() == 0;
    ground.mode("folder", 0o1777);
    assert_eq!(ground.read("folder/file").is_ok(), is_root);
    let why = ground.files.list(&ground.path("folder")).unwrap_err().cause.to_string();
    assert!(why.contains("everybody can write"), "{why}");
    ground.mode("folder", 0o1755);
    assert!(ground.files.list(&ground.path("folder")).is_ok());
}

#[test]
fn only_regular_files_of_bounded_size() {
    let ground = ground();
    assert_eq!(ground.read("folder").unwrap_err(), NO_FILE);
    assert_eq!(ground.read("folder/other").unwrap_err(), NOT_THERE);
    assert!(ground.read("folder/file/below").unwrap_err().contains("is not a folder"));
    rustix::fs::mknodat(CWD, ground.path("pipe"), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    assert_eq!(ground.read("pipe").unwrap_err(), NO_FILE);
    write(ground.path("folder/file"), [b'x'; 100]).unwrap();
    assert!(ground.read("folder/file").is_ok());
    write(ground.path("folder/file"), [b'x'; 101]).unwrap();
    assert_eq!(ground.read("folder/file").unwrap_err(), "it is larger than 100 bytes");
}

#[test]
fn groups_by_name_or_number() {
    let known = b"root:x:0:\nstaff:x:50:alice,bob\n";
    assert_eq!(group_id(known, "staff").unwrap(), 50);
    assert_eq!(group_id(known, "70").unwrap(), 70);
    assert!(group_id(known, "staf").is_err());
}
