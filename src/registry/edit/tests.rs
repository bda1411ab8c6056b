use super::*;

const KEY: &str = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
const OTHER: &str = "openpgp:0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A";
const SINCE: Timestamp = Timestamp(1_777_593_600);

const SOURCE: &str = "# people, by team\n\n  [[signer]] # hers\n  id = 'alice'   # as in the directory\n  emails = [\n    \
                      \"alice@x.org\",  # work\n  ]\n  name='Alice'\n# end of hers\n\n[[key]]\nfingerprint = \
                      'SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'\nsince = 2026-01-01 # then\nstate = \
                      \"retired\"\n\n[[signer]]\nid = \"bob\"\nkeys = []\ngroups = [\"a\", 'b']";

fn file(source: &str) -> SignersFile {
    SignersFile::new(source.to_owned()).unwrap()
}

fn edited(source: &str, edit: impl Fn(&mut SignersFile) -> Result<(), NotEdited>) -> String {
    let mut file = file(source);
    edit(&mut file).unwrap();
    // So it is with the line ends of another system.
    let mut other = self::file(&source.replace('\n', "\r\n"));
    edit(&mut other).unwrap();
    assert_eq!(other.source, file.source.replace('\n', "\r\n"));
    file.source
}

fn carol() -> NewSigner {
    let emails = texts(&["carol@x.org", "c@x.org"]);
    let lists = vec![(List::Emails, emails), (List::Groups, Vec::new())];
    NewSigner { id: "carol".into(), name: None, lists, kind: Some("bot"), until: Some(SINCE) }
}

fn key(text: &str) -> Fingerprint {
    Fingerprint::parse(text).unwrap()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|&text| text.to_owned()).collect()
}

#[test]
fn a_new_entry_comes_last_and_all_else_stays() {
    let retired = edited(SOURCE, |file| file.state(&key(OTHER), KeyState::Compromised, SINCE, Some("a \"b\" \\")));
    let entry = format!(
        "\n\n[[key]]\nfingerprint = \"{OTHER}\"\nstate = \"compromised\"\nsince = 2026-05-01T00:00:00Z\nnote = \"a \\\"b\\\" \
         \\\\\"\n"
    );
    assert_eq!(retired, format!("{SOURCE}{entry}"));
    let added = edited(SOURCE, |file| file.add_signer(&carol()));
    let entry = "[[signer]]\nid = \"carol\"\nemails = [\"carol@x.org\", \"c@x.org\"]\nkind = \"bot\"\nuntil = \
                 2026-05-01T00:00:00Z\n";
    assert_eq!(added, format!("{SOURCE}\n\n{entry}"));
    let mut empty = file("");
    empty.add_signer(&carol()).unwrap();
    assert_eq!(empty.source, entry);
}

#[test]
fn a_value_is_replaced_where_it_stands() {
    let compromised = edited(SOURCE, |file| file.state(&key(KEY), KeyState::Compromised, SINCE, None));
    let expected =
        SOURCE.replace("2026-01-01 # then", "2026-05-01T00:00:00Z # then").replace("\"retired\"", "\"compromised\"");
    assert_eq!(compromised, expected);
    let named = edited(SOURCE, |file| file.name(0, "Alice Example"));
    assert_eq!(named, SOURCE.replace("name='Alice'", "name=\"Alice Example\""));
}

#[test]
fn a_new_key_stands_after_the_last_of_its_entry() {
    let left = edited(SOURCE, |file| file.until(0, SINCE));
    assert_eq!(left, SOURCE.replace("name='Alice'\n", "name='Alice'\n  until = 2026-05-01T00:00:00Z\n"));
    let left = edited(SOURCE, |file| file.until(1, SINCE));
    assert_eq!(left, format!("{SOURCE}\nuntil = 2026-05-01T00:00:00Z"));
    let noted = edited(SOURCE, |file| file.state(&key(KEY), KeyState::Retired, SINCE, Some("n")));
    assert!(noted.contains("state = \"retired\"\nnote = \"n\"\n\n[[signer]]"), "{noted}");
}

#[test]
fn lists_grow_in_their_own_layout() {
    let more = edited(SOURCE, |file| file.extend(0, List::Emails, &texts(&["a@y.org", "a@z.org"])));
    let expected =
        SOURCE.replace("\"alice@x.org\",  # work", "\"alice@x.org\",  # work\n    \"a@y.org\",\n    \"a@z.org\",");
    assert_eq!(more, expected);
    let last = SOURCE.replace("\"alice@x.org\",  # work", "\"alice@x.org\"  # work, mostly");
    let more = edited(&last, |file| file.extend(0, List::Emails, &texts(&["a@y.org", "a@z.org"])));
    let expected = "\"alice@x.org\",  # work, mostly\n    \"a@y.org\",\n    \"a@z.org\"\n  ]";
    assert!(more.contains(expected), "{more}");
    let parted = SOURCE.replace("\"alice@x.org\",  # work", "\"alice@x.org\"  # work\n  ,");
    let more = edited(&parted, |file| file.extend(0, List::Emails, &texts(&["a@y.org"])));
    assert!(more.contains("\"alice@x.org\",  # work\n    \"a@y.org\"\n  ,\n  ]"), "{more}");
    let more = edited(SOURCE, |file| file.extend(1, List::Keys, &texts(&[KEY])));
    assert_eq!(more, SOURCE.replace("keys = []", &format!("keys = [\"{KEY}\"]")));
    let more = edited(SOURCE, |file| file.extend(1, List::Groups, &texts(&["c"])));
    assert_eq!(more, SOURCE.replace("[\"a\", 'b']", "[\"a\", 'b', \"c\"]"));
    let more = edited(SOURCE, |file| file.extend(1, List::Accounts, &texts(&["bob", "b"])));
    assert_eq!(more, format!("{SOURCE}\naccounts = [\"bob\", \"b\"]"));
    assert_eq!(edited(SOURCE, |file| file.extend(1, List::Accounts, &[])), SOURCE);
}

#[test]
fn what_cannot_be_edited_is_said_and_left_alone() {
    let inline = "signer = [{ id = 'alice' }]\n";
    let mut file = file(inline);
    let NotEdited::Because(why) = file.until(0, SINCE).unwrap_err() else { panic!() };
    assert!(why.starts_with("the entry stands in a list on one line, which is not edited here"), "{why}");
    let NotEdited::Because(why) = file.add_signer(&carol()).unwrap_err() else { panic!() };
    assert!(why.starts_with("`signers.toml` could not be read any more with this edit: "), "{why}");
    assert_eq!(file.source, inline);
    let NotEdited::Because(why) =
        self::file(SOURCE).add_signer(&NewSigner { id: "@all".into(), ..NewSigner::default() }).unwrap_err()
    else {
        panic!()
    };
    assert!(why.contains("`@all` is not a name"), "{why}");
    assert!(
        matches!(SignersFile::new("[[signer]]\nidd = 1\n".into()), Err(NotEdited::Broken(problems)) if problems.len() == 2)
    );
}
