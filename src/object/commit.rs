//! The grammar of commits.

use super::{
    Malformed, Person, Signed, Slot,
    headers::{Headers, split_line},
    signed,
};
use crate::{
    bounds::Bounds,
    push::{ObjectFormat, ObjectId},
};
use std::borrow::Cow;

/// Bytes of a subject that are worth showing.
const LONGEST_SUBJECT: usize = 200;

/// A commit that follows the grammar: `tree`, `parent`*, `author`, `committer`, the rest, a blank line, the message.
#[derive(Debug)]
pub struct Commit<'a> {
    /// The root tree.
    pub tree: ObjectId,
    /// In their order; as git sees them, since nothing stands between them and `tree`.
    pub parents: Vec<ObjectId>,
    /// Who wrote the change.
    pub author: Person<'a>,
    /// Who made the commit.
    pub committer: Person<'a>,
    /// The raw `encoding` header.
    pub encoding: Option<&'a [u8]>,
    /// All after the first blank line, as it stands.
    pub message: &'a [u8],
    /// The signature in the header that this object format has for it.
    pub signature: Slot<'a>,
    /// The `mergetag` headers, folded.
    merge_tags: Vec<&'a [u8]>,
}

impl<'a> Commit<'a> {
    /// Reads a whole commit, without the `commit <size>` that loose objects begin with.
    ///
    /// # Errors
    /// The first thing found that the grammar does not allow.
    pub fn parse(bytes: &'a [u8], format: ObjectFormat) -> Result<Self, Malformed> {
        let mut headers = Headers::read(bytes, &["tree", "author", "committer", "encoding"])?;
        let tree = headers.required("tree")?.id(format)?;
        let mut parents = Vec::new();
        while let Some(parent) = headers.next_if("parent") {
            parents.push(parent.id(format)?);
        }
        let author = headers.required("author")?.person()?;
        let committer = headers.required("committer")?.person()?;
        headers.refuse_later("parent", "committer")?;
        let encoding = headers.rest().find(|header| header.is("encoding")).map(|header| header.line()).transpose()?;
        let signature = slot(bytes, &headers, format);
        let merge_tags = headers.rest().filter(|header| header.is("mergetag"));
        let merge_tags = merge_tags.map(|header| header.folded(bytes)).collect();
        Ok(Self { tree, parents, author, committer, encoding, message: headers.body, signature, merge_tags })
    }

    /// The tags that a merge says it merged, each as the tag object was (git's commit.c, `read_commit_extra_header_lines`);
    /// `None` for one that is too large to be read. They are no signatures of this commit.
    pub fn merge_tags(&self) -> impl ExactSizeIterator<Item = Option<Cow<'a, [u8]>>> {
        self.merge_tags.iter().map(|&folded| (folded.len() <= Bounds::MERGE_TAG).then(|| signed::unfold(folded)))
    }

    /// The first paragraph's lines joined by a space, as `git log --format=%s` has it, raw bytes; no more than 200 of
    /// them.
    pub fn subject(&self) -> Vec<u8> {
        let mut lines = self.message.split(|&byte| byte == b'\n').map(trim_end).skip_while(|line| line.is_empty());
        let mut subject = Vec::new();
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            if !subject.is_empty() {
                subject.push(b' ');
            }
            // One byte more than is shown tells whether a character is cut in two.
            subject.extend(line.iter().take((LONGEST_SUBJECT + 1).saturating_sub(subject.len())));
            if subject.len() > LONGEST_SUBJECT {
                let is_inside = |at: usize| subject.get(at).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
                let end = (LONGEST_SUBJECT - 3..=LONGEST_SUBJECT).rev().find(|&at| !is_inside(at));
                subject.truncate(end.unwrap_or(LONGEST_SUBJECT));
                break;
            }
        }
        subject
    }
}

/// The signature of this object format, and what it is over: git cuts out every signature header, of whatever format
/// (git's commit.c, `parse_buffer_signed_by_header`).
///
/// With two of them, one is not covered by the other, and which of them a reader believes depends on the reader:
/// several, also where git itself wrote both, for a repository of two object formats (`extensions.compatObjectFormat`).
/// The other format's header alone is none: git sees no signature there either, and since there is no payload, nothing
/// escapes it.
fn slot<'a>(bytes: &'a [u8], headers: &Headers<'a>, format: ObjectFormat) -> Slot<'a> {
    let mut found = headers.all().filter(|header| header.is_signature());
    let Some(header) = found.next() else { return Slot::Empty };
    if found.next().is_some() {
        return Slot::Several;
    }
    if header.name != format.signature_header() {
        return Slot::Empty;
    }
    let signature = header.unfolded(bytes);
    if signed::armors(&signature).0 > 1 {
        return Slot::Several;
    }
    let before = bytes.get(..header.range.start).unwrap_or_default();
    let after = bytes.get(header.range.end..).unwrap_or_default();
    Slot::One(Signed { payload: Cow::Owned([before, after].concat()), signature })
}

/// Without the white space at its end, in git's sense (its `sane_ctype`).
fn trim_end(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !b" \t\r\n".contains(byte)).map_or(0, |last| last + 1);
    line.get(..end).unwrap_or_default()
}

/// The parents git sees, also of a commit that does not follow the grammar (git's `commit.c`, `parse_commit_buffer`):
/// those on the lines directly after `tree`. Empty where git would read no parent or no commit; where git gives up at a
/// broken `parent` line, those before it.
pub fn parents_as_git_reads_them(bytes: &[u8], format: ObjectFormat) -> Vec<ObjectId> {
    let Some((tree, mut rest)) = split_line(bytes) else { return Vec::new() };
    if id_after(tree, b"tree ", format).is_none() {
        return Vec::new();
    }
    let mut parents = Vec::new();
    while let Some((line, after)) = split_line(rest) {
        let Some(parent) = id_after(line, b"parent ", format) else { break };
        parents.push(parent);
        rest = after;
    }
    parents
}

/// The tree git sees, also of a commit that does not follow the grammar: that of its first line. `None` where git would
/// read no commit.
pub fn tree_as_git_reads_it(bytes: &[u8], format: ObjectFormat) -> Option<ObjectId> {
    split_line(bytes).and_then(|(tree, _)| id_after(tree, b"tree ", format))
}

fn id_after(line: &[u8], name: &[u8], format: ObjectFormat) -> Option<ObjectId> {
    let hex = line.strip_prefix(name).filter(|hex| hex.len() == format.hex_len())?;
    ObjectId::from_hex(&hex.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n";
    const PARENT: &str = "parent 3f2a91c03f2a91c03f2a91c03f2a91c03f2a91c0\n";
    const AUTHOR: &str = "author Alice Example <alice@example.com> 1700000000 +0100\n";
    const COMMITTER: &str = "committer Bob <bob@example.com> 1700000001 -0000\n";
    const SIGNATURE: &str = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n abcd\n -----END PGP SIGNATURE-----\n";
    const OTHER: &str = "gpgsig-sha256 -----BEGIN PGP SIGNATURE-----\n \n efgh\n -----END PGP SIGNATURE-----\n";
    const MESSAGE: &str = "\nAdd retry\n";

    fn parse(text: &str) -> Result<Commit<'_>, String> {
        Commit::parse(text.as_bytes(), ObjectFormat::Sha1).map_err(|malformed| malformed.0)
    }

    fn slot_of(parts: &[&str]) -> Slot<'static> {
        match parse(&parts.concat()).unwrap().signature {
            Slot::Empty => Slot::Empty,
            Slot::Several => Slot::Several,
            Slot::One(Signed { payload, signature }) => Slot::One(Signed {
                payload: Cow::Owned(payload.into_owned()),
                signature: Cow::Owned(signature.into_owned()),
            }),
        }
    }

    fn one(payload: &[&str], signature: &str) -> Slot<'static> {
        Slot::One(Signed {
            payload: Cow::Owned(payload.concat().into_bytes()),
            signature: Cow::Owned(signature.as_bytes().to_vec()),
        })
    }

    #[test]
    fn every_part_is_read() {
        let text = [TREE, PARENT, PARENT, AUTHOR, COMMITTER, "encoding ISO-8859-1\n", SIGNATURE, MESSAGE].concat();
        let commit = parse(&text).unwrap();
        assert_eq!(commit.tree.to_string(), TREE[5..45]);
        assert_eq!(commit.parents.iter().map(ToString::to_string).collect::<Vec<_>>(), [&PARENT[7..47]; 2]);
        assert_eq!((commit.author.name, commit.author.email), (&b"Alice Example"[..], &b"alice@example.com"[..]));
        assert_eq!((commit.committer.name, commit.committer.time.0), (&b"Bob"[..], 1_700_000_001));
        assert_eq!(commit.encoding, Some(&b"ISO-8859-1"[..]));
        assert_eq!(commit.message, b"Add retry\n");
    }

    #[test]
    fn what_git_and_others_write_is_accepted() {
        let head = [TREE, AUTHOR, COMMITTER].concat();
        for text in [
            format!("{head}\n"),
            format!("{head}\nno final newline"),
            format!("{head}\n\n\nAdd retry\r\nwith carriage returns\r\n"),
            format!("{head}HG:rename-source hg\nnote\nchange-id kxyz\n continued\n{MESSAGE}"),
            format!("{head}mergetag object 1\n type commit\n \n CR in the tag\r\n \nmergetag object 2\n{MESSAGE}"),
            format!("{head}encoding latin1\n{MESSAGE}"),
            format!("{TREE}{}{AUTHOR}{COMMITTER}{MESSAGE}", PARENT.repeat(500)),
        ] {
            assert!(parse(&text).is_ok(), "{text}");
        }
        let latin = [head.replace("Alice", "Al\u{1}ce").as_bytes(), b"\n\xff\xfe caf\xe9\n"].concat();
        assert!(Commit::parse(&latin, ObjectFormat::Sha1).is_ok());
    }

    #[test]
    fn what_the_grammar_does_not_allow_is_refused_with_its_reason() {
        let parents = PARENT.repeat(510);
        let cases: &[(&[&str], &str)] = &[
            (&[], "has no blank line after its headers"),
            (&["\n"], "has no `tree` header"),
            (&[TREE, AUTHOR, COMMITTER], "has no blank line after its headers"),
            (&[TREE, AUTHOR, &COMMITTER[..COMMITTER.len() - 1]], "has no blank line after its headers"),
            (&[" x\n", TREE, AUTHOR, COMMITTER, MESSAGE], "begins with a continuation line"),
            (&[AUTHOR, COMMITTER, MESSAGE], "has no `tree` header"),
            (&[TREE, COMMITTER, MESSAGE], "has no `author` header"),
            (&[TREE, AUTHOR, MESSAGE], "has no `committer` header"),
            (&[TREE, TREE, AUTHOR, COMMITTER, MESSAGE], "has two `tree` headers"),
            (&[TREE, AUTHOR, AUTHOR, COMMITTER, MESSAGE], "has two `author` headers"),
            (&[TREE, AUTHOR, COMMITTER, COMMITTER, MESSAGE], "has two `committer` headers"),
            (&[TREE, AUTHOR, COMMITTER, "encoding a\nencoding b\n", MESSAGE], "has two `encoding` headers"),
            (&[TREE, COMMITTER, AUTHOR, MESSAGE], "has a `committer` header before `author`"),
            (&[PARENT, TREE, AUTHOR, COMMITTER, MESSAGE], "has a `parent` header before `tree`"),
            (&[TREE, AUTHOR, PARENT, COMMITTER, MESSAGE], "has a `parent` header before `committer`"),
            (&[TREE, AUTHOR, COMMITTER, PARENT, MESSAGE], "has a `parent` header after `committer`"),
            (&[TREE, SIGNATURE, PARENT, AUTHOR, COMMITTER, MESSAGE], "has a `gpgsig` header before `author`"),
            (&[TREE, PARENT, AUTHOR, SIGNATURE, COMMITTER, MESSAGE], "has a `gpgsig` header before `committer`"),
            (&[TREE, PARENT, "note x\n", PARENT, AUTHOR, COMMITTER, MESSAGE], "has a `note` header before `author`"),
            (&[TREE, "encoding a\n", AUTHOR, COMMITTER, MESSAGE], "has an `encoding` header before `author`"),
            (&[TREE, "\u{1b}[2J x\n", AUTHOR, COMMITTER, MESSAGE], "has a strangely named header before `author`"),
            (&[TREE, " x\n", AUTHOR, COMMITTER, MESSAGE], "continues a `tree` header on a second line"),
            (
                &[TREE, PARENT, " x\n", PARENT, AUTHOR, COMMITTER, MESSAGE],
                "continues a `parent` header on a second line",
            ),
            (&[TREE, AUTHOR, " x\n", COMMITTER, MESSAGE], "continues an `author` header on a second line"),
            (&[TREE, AUTHOR, COMMITTER, "encoding\n", MESSAGE], "has an `encoding` header without a value"),
            (&["tree\n", AUTHOR, COMMITTER, MESSAGE], "has a `tree` header without a value"),
            (&[TREE, AUTHOR, COMMITTER, "gpgsig\n x\n", MESSAGE], "has a `gpgsig` header without a value"),
            (&[TREE, AUTHOR, COMMITTER, SIGNATURE, "\nbody\0", MESSAGE], "has a NUL byte"),
            (&[TREE, AUTHOR, COMMITTER, "x \0\n", MESSAGE], "has a NUL byte"),
            (&[TREE, &parents, AUTHOR, COMMITTER, MESSAGE], "has more than 512 headers"),
        ];
        for (parts, why) in cases {
            assert_eq!(parse(&parts.concat()).unwrap_err(), *why, "{parts:?}");
        }
        let windows = [TREE, AUTHOR, COMMITTER].concat().replace('\n', "\r\n") + MESSAGE;
        assert_eq!(parse(&windows).unwrap_err(), "has a header line that ends in a carriage return");
    }

    #[test]
    fn ids_are_of_the_repositorys_format() {
        let long = format!("tree {}\n", "ab".repeat(32));
        let wrong = |digits| format!("has a `tree` header that is not an object id of {digits} digits");
        for tree in [&long, "tree 4B825DC642CB6EB9A060E54BF8D69288FBEE4904\n", &TREE.replace('\n', " \n"), "tree \n"] {
            assert_eq!(parse(&[tree, AUTHOR, COMMITTER, MESSAGE].concat()).unwrap_err(), wrong(40), "{tree}");
        }
        let sha256 = |tree: &str| {
            let text = [tree, AUTHOR, COMMITTER, MESSAGE].concat();
            Commit::parse(text.as_bytes(), ObjectFormat::Sha256).map(|_| ()).map_err(|malformed| malformed.0)
        };
        assert_eq!(sha256(&long), Ok(()));
        assert_eq!(sha256(TREE), Err(wrong(64)));
    }

    #[test]
    fn the_payload_is_the_commit_without_the_signature_header() {
        let armor = "-----BEGIN PGP SIGNATURE-----\n\nabcd\n-----END PGP SIGNATURE-----\n";
        for rest in [["", ""], ["encoding x\n", ""], ["", "mergetag object 1\n gpgsig inside\n"]] {
            let parts = [TREE, PARENT, AUTHOR, COMMITTER, rest[0], SIGNATURE, rest[1], MESSAGE];
            let payload = [TREE, PARENT, AUTHOR, COMMITTER, rest[0], rest[1], MESSAGE];
            assert_eq!(slot_of(&parts), one(&payload, armor));
        }
        assert_eq!(
            slot_of(&[TREE, AUTHOR, COMMITTER, "gpgsig junk\n", MESSAGE]),
            one(&[TREE, AUTHOR, COMMITTER, MESSAGE], "junk\n")
        );
    }

    #[test]
    fn a_signature_is_unfolded_unless_it_is_too_large_either_way() {
        const BOUND: usize = crate::bounds::Bounds::SIGNATURE;
        let unfolded = |lines: usize, end: &str| {
            let header = format!("gpgsig {}{end}", "\n ".repeat(lines - 1));
            match slot_of(&[TREE, PARENT, AUTHOR, COMMITTER, &header, MESSAGE]) {
                Slot::One(signed) => signed.signature.len(),
                other => panic!("{other:?}"),
            }
        };
        // As stored it is larger than a signature may be, as its verifier gets it not.
        assert_eq!(unfolded(BOUND * 3 / 4, "\n"), BOUND * 3 / 4);
        // The last that can come to no more than the bound, and the first that cannot.
        assert_eq!(unfolded(BOUND, "x\n"), BOUND + 1);
        assert_eq!(unfolded(BOUND, "xx\n"), 2 * BOUND + 1);
        assert_eq!(unfolded(3 * BOUND, "\n"), 6 * BOUND - 1);
    }

    #[test]
    fn a_signature_elsewhere_is_none() {
        let armor = "-----BEGIN PGP SIGNATURE-----\n\nabcd\n-----END PGP SIGNATURE-----\n";
        let in_body = format!("\nAdd retry\n\n{SIGNATURE}");
        let as_in_tags = format!("\nAdd retry\n\n{armor}");
        let in_merge_tag = format!("mergetag object 1\n gpgsig x\n \n {}\n", armor.trim_end().replace('\n', "\n "));
        for parts in [
            &[TREE, AUTHOR, COMMITTER, MESSAGE][..],
            &[TREE, AUTHOR, COMMITTER, &in_body],
            &[TREE, AUTHOR, COMMITTER, &as_in_tags],
            &[TREE, AUTHOR, COMMITTER, &in_merge_tag, MESSAGE],
            &[TREE, AUTHOR, COMMITTER, "xgpgsig -----BEGIN PGP SIGNATURE-----\n", MESSAGE],
            &[TREE, AUTHOR, COMMITTER, OTHER, MESSAGE],
        ] {
            assert_eq!(slot_of(parts), Slot::Empty, "{parts:?}");
        }
    }

    #[test]
    fn the_header_goes_by_object_format() {
        let text = [format!("tree {}\n", "ab".repeat(32)).as_str(), AUTHOR, COMMITTER, SIGNATURE, MESSAGE].concat();
        let slot = |text: &str| match Commit::parse(text.as_bytes(), ObjectFormat::Sha256).unwrap().signature {
            Slot::One(Signed { payload, .. }) => Some(payload.len()),
            Slot::Empty | Slot::Several => None,
        };
        assert_eq!(slot(&text), None);
        assert_eq!(slot(&text.replace(SIGNATURE, OTHER)), Some(text.len() - SIGNATURE.len()));
    }

    #[test]
    fn two_signatures_are_several() {
        let twice = SIGNATURE.to_owned() + &SIGNATURE["gpgsig".len()..];
        for signatures in [
            &[SIGNATURE, SIGNATURE][..],
            &[SIGNATURE, OTHER],
            &[OTHER, SIGNATURE],
            &[OTHER, OTHER],
            &[SIGNATURE, "x y\n", SIGNATURE],
            &[&twice],
        ] {
            let parts = [&[TREE, AUTHOR, COMMITTER][..], signatures, &[MESSAGE]].concat();
            assert_eq!(slot_of(&parts), Slot::Several, "{signatures:?}");
        }
    }

    #[test]
    fn a_header_git_drops_from_the_payload_is_refused() {
        for name in ["gpgsigx", "gpgsig-sha1", "gpgsig-sha256x", "gpgsig\t"] {
            let header = format!("{name} room that no signature covers\n more\n");
            let why = "has a header that begins with `gpgsig` and is neither `gpgsig` nor `gpgsig-sha256`";
            assert_eq!(parse(&[TREE, AUTHOR, COMMITTER, SIGNATURE, &header, MESSAGE].concat()).unwrap_err(), why);
        }
        let covered = [TREE, AUTHOR, COMMITTER, SIGNATURE, "gpgsi room\n", MESSAGE];
        assert!(matches!(slot_of(&covered), Slot::One(_)));
    }

    #[test]
    fn a_signature_between_tree_and_parent_hides_history_from_git() {
        let parents = |parts: &[&str]| parents_as_git_reads_them(parts.concat().as_bytes(), ObjectFormat::Sha1).len();
        assert_eq!(parents(&[TREE, PARENT, PARENT, AUTHOR, COMMITTER, SIGNATURE, MESSAGE]), 2);
        assert_eq!(parents(&[TREE, SIGNATURE, PARENT, PARENT, AUTHOR, COMMITTER, MESSAGE]), 0);
        assert_eq!(parents(&[TREE, PARENT, SIGNATURE, PARENT, AUTHOR, COMMITTER, MESSAGE]), 1);
        assert_eq!(parents(&[AUTHOR, TREE, PARENT]), 0);
        assert_eq!(parents(&[TREE, &PARENT.to_uppercase().replace("PARENT", "parent")]), 1);
        assert_eq!(parents(&[TREE, PARENT, "parent 12\n", PARENT]), 1);
    }

    #[test]
    fn the_subject_is_the_first_paragraph_on_one_line() {
        let subject = |message: &str| {
            let text = [TREE, AUTHOR, COMMITTER, "\n", message].concat();
            String::from_utf8(parse(&text).unwrap().subject()).unwrap()
        };
        assert_eq!(subject(""), "");
        assert_eq!(subject("Add retry"), "Add retry");
        assert_eq!(subject("\n \t\n  Add retry \r\nto the uploader\n \nBody\n"), "  Add retry to the uploader");
        assert_eq!(subject(&"é".repeat(99)), "é".repeat(99));
        assert_eq!(subject(&"é".repeat(101)), "é".repeat(100));
        assert_eq!(subject(&format!("x{}", "é".repeat(100))), format!("x{}", "é".repeat(99)));
        assert_eq!(subject(&"word\n".repeat(1000)).len(), 200);
        // No character is so long: it is not cut, whatever it is.
        let text = [[TREE, AUTHOR, COMMITTER, "\nx"].concat().as_bytes(), &[0x80; 300]].concat();
        assert_eq!(Commit::parse(&text, ObjectFormat::Sha1).unwrap().subject().len(), 200);
    }
}
