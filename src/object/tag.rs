//! The grammar of annotated tags.

use super::{
    Malformed, Person, Signed, Slot,
    headers::{Headers, malformed},
    signed,
};
use crate::push::{ObjectFormat, ObjectId};
use std::borrow::Cow;

/// What kind of object a tag says it points at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum TargetKind {
    /// A commit.
    Commit,
    /// A tree.
    Tree,
    /// A blob.
    Blob,
    /// Another tag.
    Tag,
}

/// A tag that follows the grammar: `object`, `type`, `tag`, `tagger`, the rest, a blank line, the message.
#[derive(Debug)]
pub struct Tag<'a> {
    /// What it points at.
    pub target: ObjectId,
    /// What kind of object it says that is.
    pub kind: TargetKind,
    /// The name the tag gives itself.
    pub name: &'a [u8],
    /// Git once made tags without.
    pub tagger: Option<Person<'a>>,
    /// The message without the signature.
    pub message: &'a [u8],
    /// The armor at the end of the message.
    pub signature: Slot<'a>,
}

impl<'a> Tag<'a> {
    /// Reads a whole tag, without the `tag <size>` that loose objects begin with.
    ///
    /// # Errors
    /// The first thing found that the grammar does not allow.
    pub fn parse(bytes: &'a [u8], format: ObjectFormat) -> Result<Self, Malformed> {
        let mut headers = Headers::read(bytes, &["object", "type", "tag", "tagger"])?;
        let target = headers.required("object")?.id(format)?;
        let kind = match headers.required("type")?.line()? {
            b"commit" => TargetKind::Commit,
            b"tree" => TargetKind::Tree,
            b"blob" => TargetKind::Blob,
            b"tag" => TargetKind::Tag,
            _ => return malformed("has a `type` header that names no kind of object"),
        };
        let name = headers.required("tag")?.line()?;
        if name.is_empty() {
            return malformed("has an empty `tag` header");
        }
        let tagger = headers.next_if("tagger").map(|header| header.person()).transpose()?;
        headers.refuse_later("tagger", "tag")?;
        let (message, signature) = split_signature(bytes, &headers)?;
        Ok(Self { target, kind, name, tagger, message, signature })
    }
}

/// Parts message and signature where git does: at the last line that begins an armor, in either object format.
///
/// A signature header in a tag is that of the other object format, which git takes out of the payload (git's commit.c,
/// `remove_signature`): beside an armor it makes two signatures, alone it is none.
fn split_signature<'a>(bytes: &'a [u8], headers: &Headers<'a>) -> Result<(&'a [u8], Slot<'a>), Malformed> {
    // Git looks for the armor in the headers, too, and would take the message for a part of it.
    if headers.all().any(|header| bytes.get(header.range.clone()).is_some_and(signed::begins_armor)) {
        return malformed("has a signature among its headers");
    }
    let body = headers.body;
    let (count, last) = signed::armors(body);
    let Some((message, armor)) = last.and_then(|at| body.split_at_checked(at)) else { return Ok((body, Slot::Empty)) };
    if signed::has_text_after_end(armor) {
        return malformed("has text after its signature");
    }
    if count > 1 || headers.all().any(|header| header.is_signature()) {
        return Ok((message, Slot::Several));
    }
    let payload = bytes.get(..bytes.len() - armor.len()).unwrap_or_default();
    Ok((message, Slot::One(Signed { payload: Cow::Borrowed(payload), signature: Cow::Borrowed(armor) })))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: &str = "object 3f2a91c03f2a91c03f2a91c03f2a91c03f2a91c0\n";
    const TYPE: &str = "type commit\n";
    const NAME: &str = "tag v1.0\n";
    const TAGGER: &str = "tagger Alice Example <alice@example.com> 1700000000 +0100\n";
    const ARMOR: &str = "-----BEGIN PGP SIGNATURE-----\n\nabcd\n-----END PGP SIGNATURE-----\n";
    const SSH: &str = "-----BEGIN SSH SIGNATURE-----\nabcd\n-----END SSH SIGNATURE-----\n";
    const X509: &str = "-----BEGIN SIGNED MESSAGE-----\nabcd\n-----END SIGNED MESSAGE-----\n";

    fn parse(text: &str) -> Result<Tag<'_>, String> {
        Tag::parse(text.as_bytes(), ObjectFormat::Sha1).map_err(|malformed| malformed.0)
    }

    fn with(headers: &str, body: &str) -> String {
        [OBJECT, TYPE, NAME, TAGGER, headers, "\n", body].concat()
    }

    #[test]
    fn each_kind_of_target() {
        let kinds = ["commit", "tree", "blob", "tag"].map(|kind| {
            let text = with("", "Release\n").replace(TYPE, &format!("type {kind}\n"));
            parse(&text).unwrap().kind
        });
        assert_eq!(kinds, [TargetKind::Commit, TargetKind::Tree, TargetKind::Blob, TargetKind::Tag]);
    }

    #[test]
    fn every_part_is_read_and_nothing_is_copied() {
        let text = with("", &format!("Release\n\n{ARMOR}"));
        let tag = parse(&text).unwrap();
        assert_eq!((tag.target.to_string().as_str(), tag.kind), (&OBJECT[7..47], TargetKind::Commit));
        assert_eq!((tag.name, tag.tagger.unwrap().time.0), (&b"v1.0"[..], 1_700_000_000));
        assert_eq!(tag.message, b"Release\n\n");
        let Slot::One(Signed { payload: Cow::Borrowed(payload), signature: Cow::Borrowed(signature) }) = tag.signature
        else {
            panic!("not one signature that is borrowed")
        };
        assert_eq!([payload, signature].concat(), text.as_bytes());
        assert_eq!(signature, ARMOR.as_bytes());
    }

    #[test]
    fn what_git_and_others_write_is_accepted() {
        for text in [
            with("", ""),
            with("", "no final newline"),
            with("", ARMOR),
            with("", SSH),
            with("", X509),
            with("", &format!("Release\n{ARMOR}\n\n")),
            with("", &format!("Release\n{}", ARMOR.trim_end())),
            with("note what git allows\n continued\n", "Release\n"),
            [OBJECT, TYPE, NAME, "\nwithout a tagger, as in 2005\n", ARMOR].concat(),
            [OBJECT, "type tag\n", "tag caf\u{e9} au lait\n", TAGGER, "\n"].concat(),
        ] {
            assert!(parse(&text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_the_grammar_does_not_allow_is_refused_with_its_reason() {
        let cases: &[(&[&str], &str)] = &[
            (&[OBJECT, TYPE, NAME, TAGGER], "has no blank line after its headers"),
            (&[OBJECT, OBJECT, TYPE, NAME, TAGGER, "\n"], "has two `object` headers"),
            (&[OBJECT, TYPE, TYPE, NAME, TAGGER, "\n"], "has two `type` headers"),
            (&[OBJECT, TYPE, NAME, NAME, TAGGER, "\n"], "has two `tag` headers"),
            (&[OBJECT, TYPE, NAME, TAGGER, TAGGER, "\n"], "has two `tagger` headers"),
            (&[TYPE, OBJECT, NAME, TAGGER, "\n"], "has a `type` header before `object`"),
            (&[OBJECT, NAME, TYPE, TAGGER, "\n"], "has a `tag` header before `type`"),
            (&[OBJECT, TYPE, TAGGER, NAME, "\n"], "has a `tagger` header before `tag`"),
            (&[OBJECT, TYPE, NAME, "note x\n", TAGGER, "\n"], "has a `tagger` header after `tag`"),
            (&[OBJECT, TYPE, TAGGER, "\n"], "has no `tag` header"),
            (&[OBJECT, "type commits\n", NAME, TAGGER, "\n"], "has a `type` header that names no kind of object"),
            (&[OBJECT, TYPE, "tag \n", TAGGER, "\n"], "has an empty `tag` header"),
            (&[OBJECT, TYPE, NAME, " x\n", TAGGER, "\n"], "continues a `tag` header on a second line"),
            (&[OBJECT, TYPE, NAME, TAGGER, ARMOR], "has a signature among its headers"),
            (&[OBJECT, TYPE, NAME, TAGGER, "gpgsigx y\n", "\n"], GPGSIG),
            (&[OBJECT, TYPE, NAME, TAGGER, "\nRelease\0\n"], "has a NUL byte"),
        ];
        for (parts, why) in cases {
            assert_eq!(parse(&parts.concat()).unwrap_err(), *why, "{parts:?}");
        }
    }

    const GPGSIG: &str = "has a header that begins with `gpgsig` and is neither `gpgsig` nor `gpgsig-sha256`";

    #[test]
    fn text_after_the_signature_is_refused() {
        for armor in [ARMOR, SSH, X509] {
            for after in ["and more\n", "\n\nand more", " -----\n"] {
                let text = with("", &format!("Release\n{}{after}", armor));
                assert_eq!(parse(&text).unwrap_err(), "has text after its signature", "{text}");
                let text = with("", &format!("Release\n{}{after}", armor.trim_end()));
                assert_eq!(parse(&text).unwrap_err(), "has text after its signature", "{text}");
            }
        }
    }

    #[test]
    fn a_signature_is_at_the_end_and_alone() {
        let several = |text: &str| matches!(parse(text).unwrap().signature, Slot::Several);
        let none = |text: &str| matches!(parse(text).unwrap().signature, Slot::Empty);
        let header = "gpgsig-sha256 -----BEGIN PGP SIGNATURE-----\n \n abcd\n -----END PGP SIGNATURE-----\n";
        assert!(several(&with("", &format!("Release\n{ARMOR}{ARMOR}"))));
        assert!(several(&with("", &format!("Quotes\n{SSH}and says\n{ARMOR}"))));
        assert!(several(&with(header, &format!("Release\n{ARMOR}"))));
        assert!(several(&with("gpgsig x\n", &format!("Release\n{ARMOR}"))));
        assert!(none(&with(header, "Release\n")));
        assert!(none(&with("", "Release\n -----BEGIN PGP SIGNATURE-----\n")));
        assert!(none(&with("", "-----BEGIN PGP SIGNED MESSAGE-----\n")));
    }
}
