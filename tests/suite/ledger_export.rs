//! The ledger as files: what public tools and auditors get, complete, always the same, and no byte of it can be changed.

use crate::ledger_checks::Site;
use countersign::ledger::{
    export::{self, Fault},
    key::VerifierKey,
    tiles,
    tree::Hash,
};
use std::{collections::BTreeMap, fs, path::Path};

/// All files below a folder.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn add(folder: &Path, above: &str, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = format!("{above}{}", path.file_name().unwrap().to_str().unwrap());
            if path.is_dir() {
                add(&path, &format!("{name}/"), found);
            } else {
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    add(folder, "", &mut found);
    found
}

fn checked(files: &BTreeMap<String, Vec<u8>>, key: &VerifierKey) -> Vec<Fault> {
    let mut found = Vec::new();
    let mut load = |name: &str| files.get(name).cloned().ok_or("it is missing".to_owned());
    export::check(key, &mut load, &mut |fault| found.push(fault));
    found
}

fn key(site: &Site) -> VerifierKey {
    VerifierKey::parse(fs::read_to_string(site.key_file()).unwrap().trim_end()).unwrap()
}

#[test]
fn it_is_the_same_whenever_it_is_written_and_only_what_is_missing_is() {
    let mut site = Site::new();
    let (grown, fresh) = (site.path("grown"), site.path("fresh"));
    site.ends(0, &["export", &grown]);
    assert_eq!(site.json(&["export", &grown])["written"], 0);
    let first = files(Path::new(&grown));
    for _ in 0..3 {
        site.push();
        site.ends(0, &["export", &grown]);
    }
    site.ends(0, &["export", &fresh]);
    assert_eq!(files(Path::new(&grown)), files(Path::new(&fresh)));
    let now = files(Path::new(&grown));
    assert!(first.keys().filter(|name| name.starts_with("content/")).all(|name| first[name] == now[name]));
    let missing = first.keys().find(|name| name.starts_with("content/")).unwrap();
    fs::remove_file(Path::new(&grown).join(missing)).unwrap();
    assert_eq!(site.json(&["export", &grown])["written"], 1);
    assert_eq!(files(Path::new(&grown)), now);
}

#[test]
fn it_is_checked_alone_with_the_public_key() {
    let mut site = Site::new();
    let told = site.file("told", &site.told);
    site.push();
    let (folder, key) = (site.path("export"), site.key_file());
    let key = key.to_str().unwrap();
    site.ends(0, &["export", &folder]);
    site.push();
    let newer = site.file("newer", &site.ends(0, &["checkpoint"]));
    let alone = |arguments: &[&str]| site.alone(&[&["verify", "--export", &folder], arguments].concat());
    let (status, out, error) = alone(&["--key", key]);
    assert_eq!(status, 0, "{out}{error}");
    assert!(out.contains("\nself-consistent, unwitnessed: "), "{out}");
    assert_eq!(alone(&["--key", key, "--against", &told]).0, 0);
    let (status, out, _) = alone(&["--key", key, "--against", &newer]);
    assert!(status == 1 && out.contains("(larger)"), "{out}");
    let another = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let (status, out, _) = alone(&["--key", another]);
    assert!(status == 1 && out.contains("checkpoint: the ledger was never signed with"), "{out}");
    assert_eq!(alone(&[]).0, 2, "without a key from elsewhere it shows nothing");
}

#[test]
fn no_byte_of_it_can_be_changed_and_no_file_be_missing() {
    let site = Site::new();
    let folder = site.path("export");
    site.ends(0, &["export", &folder]);
    let (good, key) = (files(Path::new(&folder)), key(&site));
    assert_eq!(checked(&good, &key), []);
    assert!(
        ["checkpoint", "tile/", "tile/entries/", "content/"]
            .iter()
            .all(|kind| good.keys().any(|name| name.starts_with(kind)))
    );
    let mut spoiled = good.clone();
    for (name, bytes) in &good {
        for (at, byte) in bytes.iter().enumerate() {
            spoiled.get_mut(name).unwrap()[at] ^= 1 << (at % 8);
            assert!(!checked(&spoiled, &key).is_empty(), "{name}: byte {at}");
            spoiled.get_mut(name).unwrap()[at] = *byte;
        }
        spoiled.get_mut(name).unwrap().push(b'\n');
        assert!(!checked(&spoiled, &key).is_empty(), "{name}: a byte more");
        spoiled.remove(name);
        let found = checked(&spoiled, &key);
        assert_eq!(found, [Fault { name: name.clone(), what: "it is missing".into() }]);
        spoiled.insert(name.clone(), bytes.clone());
    }
    // On the disk, too.
    let file = Path::new(&folder).join("tile/0/000.p").join(site.records().to_string());
    let mut bytes = fs::read(&file).unwrap();
    bytes[0] ^= 1;
    fs::write(&file, bytes).unwrap();
    let (status, out, _) = site.alone(&["verify", "--export", &folder, "--key", site.key_file().to_str().unwrap()]);
    assert!(status == 1 && out.contains(" (damaged)\nwrong: "), "{out}");
}

#[test]
fn an_export_of_another_history_is_not_written_over() {
    let mut site = Site::new();
    let folder = site.path("export");
    let older = site.path("older");
    site.copy_ledger("older");
    site.push();
    site.ends(0, &["export", &folder]);
    let before = files(Path::new(&folder));
    let out = site.ends(1, &["export", &folder, "--ledger", &older]);
    assert!(out.contains("is not of this ledger: it covers") && out.contains("an older copy was put back\n"), "{out}");
    let out = Site::new().ends(1, &["export", &folder]);
    assert!(out.contains("it is a checkpoint of another ledger"), "{out}");
    assert_eq!(files(Path::new(&folder)), before);
}

/// The tiles of an export, for `tlog_tiles`, a library of others.
struct Export<'a>(&'a BTreeMap<String, Vec<u8>>);

impl tlog_tiles::TileReader for Export<'_> {
    fn height(&self) -> u8 {
        8
    }

    fn read_tiles(&self, tiles: &[tlog_tiles::Tile]) -> Result<Vec<Vec<u8>>, tlog_tiles::Error> {
        // Theirs have the height in the path.
        Ok(tiles.iter().map(|tile| self.0[&tile.path().replacen("tile/8/", "tile/", 1)].clone()).collect())
    }

    fn save_tiles(&self, _: &[tlog_tiles::Tile], _: &[Vec<u8>]) {}
}

#[test]
fn others_find_every_record_in_its_tiles() {
    let mut site = Site::new();
    site.push();
    let folder = site.path("export");
    site.ends(0, &["export", &folder]);
    let export = files(Path::new(&folder));
    let checkpoint = String::from_utf8(export["checkpoint"].clone()).unwrap();
    let lines: Vec<&str> = checkpoint.lines().collect();
    let (size, root) = (lines[1].parse().unwrap(), Hash::from_base64(lines[2]).unwrap());
    let root = tlog_tiles::Hash(*root.as_bytes());
    let (tiles, bundle) = (Export(&export), &export[&format!("tile/entries/000.p/{size}")]);
    let reader = tlog_tiles::TileHashReader::new(size, root, &tiles);
    for (number, body) in (0..).zip(tiles::read_entries(bundle, u16::try_from(size).unwrap()).unwrap()) {
        let proof = tlog_tiles::prove_record(size, number, &reader).unwrap();
        tlog_tiles::check_record(&proof, size, root, number, tlog_tiles::record_hash(body)).unwrap();
    }
}
