//! The text of a push certificate (`git push --signed`; gitprotocol-pack(5), "Push Certificate"): who says to whom, over
//! which nonce, that these refs are to become that. It is evidence of the pusher once its signature is verified, its nonce
//! found fresh and its updates compared with the push; here it is read and nothing of that judged.

use super::{InvalidUpdate, ObjectFormat, Push, Timestamp, parse_lines};
use crate::bounds::Bounds;
use std::fmt;

/// A push certificate that follows the grammar, as git's clients write it (send-pack.c, `generate_push_cert`).
#[derive(Clone, Debug)]
pub struct PushCertificate<'a> {
    /// Whom the client says it is: what finds its key. `Name <email>`, an OpenPGP key id, an SSH fingerprint.
    pub pusher: &'a [u8],
    /// The client's clock.
    pub time: Timestamp,
    /// The URL that was pushed to, without a password.
    pub pushee: Option<&'a [u8]>,
    /// What the server asked to have signed, so that no certificate is good twice.
    pub nonce: &'a [u8],
    /// What `--push-option` named, in that order.
    pub options: Vec<&'a [u8]>,
    /// The updates.
    pub push: Push,
    /// What is signed: all before the armor (git's builtin/receive-pack.c, `prepare_push_cert_sha1`).
    pub payload: &'a [u8],
    /// From the line that begins the armor to the end. What it holds is for its verifier to read.
    pub signature: &'a [u8],
}

/// Why a text is no push certificate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InvalidCertificate {
    /// The line's number from 1; 0 where there is no line.
    pub line: usize,
    /// What is wrong with it.
    pub what: &'static str,
}

impl fmt::Display for InvalidCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(self.what),
            line => write!(f, "line {line}: {}", self.what),
        }
    }
}

impl std::error::Error for InvalidCertificate {}

/// An update begins with an object id, and a header with its name: no line before the signature begins so. After it, a
/// second armor would be the one that git takes (gpg-interface.c, `parse_signed_buffer`).
const BEGIN_ARMOR: &[u8] = b"-----BEGIN ";

impl<'a> PushCertificate<'a> {
    /// What is signed of a text: all before the armor. It is what makes a certificate another one: an armor can be laid out, and
    /// some signatures can be changed, without their being another's.
    pub fn payload_of(bytes: &'a [u8]) -> &'a [u8] {
        let starts = |at: &usize| bytes.get(*at..).is_some_and(|rest| rest.starts_with(BEGIN_ARMOR));
        let ends = memchr::memchr_iter(b'\n', bytes).map(|end| end.saturating_add(1));
        let end = std::iter::once(0).chain(ends).find(starts).unwrap_or(bytes.len());
        bytes.get(..end).unwrap_or(bytes)
    }

    /// Reads a whole certificate: the headers in their order, a blank line, the updates, one signature.
    ///
    /// # Errors
    /// The first thing found that the grammar does not allow.
    pub fn parse(bytes: &'a [u8], format: ObjectFormat) -> Result<Self, InvalidCertificate> {
        let whole = |what| InvalidCertificate { line: 0, what };
        if bytes.len() > Bounds::PUSH_CERTIFICATE {
            return Err(whole("it is larger than 32 MiB"));
        }
        // Git's server reads a certificate by strings that end there.
        if bytes.contains(&0) {
            return Err(whole("it has a NUL byte"));
        }
        let mut lines = Lines { rest: bytes, number: 1 };
        if lines.take_if(|line| (line == b"certificate version 0.1").then_some(())).is_none() {
            return Err(lines.wrong("not `certificate version 0.1`"));
        }
        let pusher = lines.header(b"pusher ").ok_or_else(|| lines.wrong("not `pusher <who> <seconds> <zone>`"))?;
        let (pusher, time) = read_pusher(pusher)
            .ok_or(InvalidCertificate { line: lines.number - 1, what: "not `pusher <who> <seconds> <zone>`" })?;
        let pushee = lines.take_if(|line| line.strip_prefix(b"pushee ").filter(|url| !url.is_empty()));
        let nonce = lines.header(b"nonce ").ok_or_else(|| match pushee {
            Some(_) => lines.wrong("not `nonce <nonce>`"),
            None => lines.wrong("neither `pushee <url>` nor `nonce <nonce>`"),
        })?;
        if !is_nonce(nonce) {
            return Err(InvalidCertificate { line: lines.number - 1, what: "no nonce that a client signs" });
        }
        let options = std::iter::from_fn(|| lines.header(b"push-option ")).collect();
        if lines.take_if(|line| line.is_empty().then_some(())).is_none() {
            return Err(lines.wrong("neither `push-option <option>` nor the blank line before the updates"));
        }
        let updates = lines.clone();
        while lines.take_if(|line| (!line.starts_with(BEGIN_ARMOR)).then_some(())).is_some() {}
        let (payload, signature) = bytes.split_at_checked(bytes.len() - lines.rest.len()).unwrap_or((bytes, &[]));
        if !signature.starts_with(BEGIN_ARMOR) {
            return Err(whole("it has no signature after its updates"));
        }
        if signature.split(|&byte| byte == b'\n').skip(1).any(|line| line.starts_with(BEGIN_ARMOR)) {
            return Err(whole("it has more than one signature"));
        }
        let length = updates.rest.len() - lines.rest.len();
        let push = match updates.rest.get(..length).unwrap_or_default() {
            [] => return Err(lines.wrong("it lists no update before its signature")),
            updated => parse_lines(updated, format)
                .map_err(|InvalidUpdate { line, what }| InvalidCertificate { line: updates.number - 1 + line, what })?,
        };
        Ok(Self { pusher, time, pushee, nonce, options, push, payload, signature })
    }
}

/// What is left, and which line that begins with.
#[derive(Clone)]
struct Lines<'a> {
    rest: &'a [u8],
    number: usize,
}

impl<'a> Lines<'a> {
    /// Takes the next whole line if it is one that is looked for.
    fn take_if<T>(&mut self, read: impl FnOnce(&'a [u8]) -> Option<T>) -> Option<T> {
        let end = self.rest.iter().position(|&byte| byte == b'\n')?;
        let found = read(self.rest.get(..end)?)?;
        self.rest = self.rest.get(end + 1..)?;
        self.number += 1;
        Some(found)
    }

    /// Takes the next line if it begins so, and gives what follows.
    fn header(&mut self, name: &[u8]) -> Option<&'a [u8]> {
        self.take_if(|line| line.strip_prefix(name))
    }

    fn wrong(&self, what: &'static str) -> InvalidCertificate {
        InvalidCertificate { line: self.number, what }
    }
}

/// `<who> <seconds> <zone>`. Git writes two spaces after an SSH key's fingerprint.
fn read_pusher(value: &[u8]) -> Option<(&[u8], Timestamp)> {
    let (rest, zone) = split_at_last_space(value)?;
    let (who, seconds) = split_at_last_space(rest)?;
    let who = who.strip_suffix(b" ").unwrap_or(who);
    let is_number = |digits: &[u8]| !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let is_zone = matches!(zone.split_first(), Some((b'+' | b'-', digits)) if is_number(digits));
    if who.is_empty() || who.trim_ascii() != who || !is_zone || !is_number(seconds) {
        return None;
    }
    let seconds = std::str::from_utf8(seconds).ok()?.parse().ok()?;
    Some((who, Timestamp(seconds)))
}

fn split_at_last_space(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().rposition(|&byte| byte == b' ')?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The characters that git's clients sign (send-pack.c, `reject_invalid_nonce`).
fn is_nonce(nonce: &[u8]) -> bool {
    (1..=Bounds::NONCE).contains(&nonce.len())
        && nonce.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-./+=_".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::push::{Change, ObjectId};

    // Both made by git 2.39.5: `git push --signed -o ci.skip -o "topic=a b" origin main v1`, and of a later commit
    // `git push --signed origin main :v1`; the URLs shortened.
    const BY_SSH: &str = "certificate version 0.1\n\
pusher SHA256:kW/GzV70ktr0pN624ic4FpAym9ltTwNXCcKAcyV9lHo  1795577176 +0000\n\
pushee file:///srv/git/server.git\n\
nonce 1795577176-4c0f82cfbaf34ebc6768b77452097b59f60d0277\n\
push-option ci.skip\n\
push-option topic=a b\n\
\n\
0000000000000000000000000000000000000000 2fe3646fb1e46025b9465595a97795be57722357 refs/heads/main\n\
0000000000000000000000000000000000000000 2fe3646fb1e46025b9465595a97795be57722357 refs/tags/v1\n\
-----BEGIN SSH SIGNATURE-----\n\
U1NIU0lHAAAAAQAAADMAAAALc3NoLWVkMjU1MTkAAAAgumPhPd6keEsu5jgxiGWOyEfGxv\n\
IsV0IEpcLvhO0hBiQAAAADZ2l0AAAAAAAAAAZzaGE1MTIAAABTAAAAC3NzaC1lZDI1NTE5\n\
AAAAQJ3Pm+NxoG2XMaj0sMpg4BtlkLUCKotVb8dt5n1k+DKyVFNxa8NyseOcOV9ejtFIyW\n\
gEiLCDwiRV8FNKIrJjYAg=\n\
-----END SSH SIGNATURE-----\n";
    const BY_OPENPGP: &str = "certificate version 0.1\n\
pusher Dave Example <dave@example.com> 1795577176 +0000\n\
pushee file:///srv/git/server.git\n\
nonce 1795577176-4c0f82cfbaf34ebc6768b77452097b59f60d0277\n\
\n\
2fe3646fb1e46025b9465595a97795be57722357 1599d3867e6a4bfead871477eb542100c06f650f refs/heads/main\n\
2fe3646fb1e46025b9465595a97795be57722357 0000000000000000000000000000000000000000 refs/tags/v1\n\
-----BEGIN PGP SIGNATURE-----\n\
\n\
iIcEABYIAC8WIQTEcvD9d5omD3RFZAA510TUEUmIWgUCawZVWBEcZGF2ZUBleGFt\n\
cGxlLmNvbQAKCRA510TUEUmIWo7fAQCoBShsfFzm1NsXViqBFHeX2FXM6Cq0GeAJ\n\
DVFgnNGxkwD+MrNj66u0cSzhz1dPYh4nxf55MgBaK0KPwk7QQ1Mo8Ac=\n\
=afMw\n\
-----END PGP SIGNATURE-----\n";
    const FIRST: &str = "2fe3646fb1e46025b9465595a97795be57722357";
    const SECOND: &str = "1599d3867e6a4bfead871477eb542100c06f650f";

    fn parse(text: &str) -> Result<PushCertificate<'_>, InvalidCertificate> {
        PushCertificate::parse(text.as_bytes(), ObjectFormat::Sha1)
    }

    fn why(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    fn id(hex: &str) -> ObjectId {
        ObjectId::from_hex(hex.as_bytes()).unwrap()
    }

    #[test]
    fn one_signed_by_an_ssh_key() {
        let certificate = parse(BY_SSH).unwrap();
        assert_eq!(certificate.pusher, b"SHA256:kW/GzV70ktr0pN624ic4FpAym9ltTwNXCcKAcyV9lHo");
        assert_eq!(certificate.time, Timestamp(1_795_577_176));
        assert_eq!(certificate.pushee, Some(&b"file:///srv/git/server.git"[..]));
        assert_eq!(certificate.nonce, b"1795577176-4c0f82cfbaf34ebc6768b77452097b59f60d0277");
        assert_eq!(certificate.options, [&b"ci.skip"[..], b"topic=a b"]);
        let names: Vec<_> = certificate.push.updates.iter().map(|update| update.name.to_string()).collect();
        assert_eq!(names, ["refs/heads/main", "refs/tags/v1"]);
        assert!(certificate.payload.ends_with(b" refs/tags/v1\n"));
        assert!(certificate.signature.starts_with(b"-----BEGIN SSH SIGNATURE-----\n"));
        assert_eq!([certificate.payload, certificate.signature].concat(), BY_SSH.as_bytes());
    }

    #[test]
    fn one_signed_with_openpgp() {
        let certificate = parse(BY_OPENPGP).unwrap();
        assert_eq!(certificate.pusher, b"Dave Example <dave@example.com>");
        assert!(certificate.options.is_empty());
        let changes: Vec<_> = certificate.push.updates.iter().map(|update| update.change).collect();
        let (old, new) = (id(FIRST), id(SECOND));
        assert_eq!(changes, [Change::Move { old, new }, Change::Delete { old }]);
        assert!(certificate.signature.starts_with(b"-----BEGIN PGP SIGNATURE-----\n"));
        assert_eq!([certificate.payload, certificate.signature].concat(), BY_OPENPGP.as_bytes());
    }

    #[test]
    fn what_clients_may_write_is_accepted() {
        let without_url = BY_SSH.replace("pushee file:///srv/git/server.git\n", "");
        assert_eq!(parse(&without_url).unwrap().pushee, None);
        let empty_option = BY_SSH.replace("push-option ci.skip", "push-option ");
        assert_eq!(parse(&empty_option).unwrap().options, [&b""[..], b"topic=a b"]);
        let by_key_id = BY_OPENPGP.replace("Dave Example <dave@example.com>", "0xDEADBEEF");
        assert_eq!(parse(&by_key_id).unwrap().pusher, b"0xDEADBEEF");
        // What an armor holds is read by whoever verifies it.
        assert!(parse(&BY_SSH.replace("-----END SSH SIGNATURE-----\n", "")).is_ok());
        let name = b"refs/heads/caf\xe9";
        let latin = BY_SSH.as_bytes().to_vec();
        let at = latin.windows(15).position(|window| window == b"refs/heads/main").unwrap();
        let latin = [&latin[..at], name, &latin[at + 15..]].concat();
        let certificate = PushCertificate::parse(&latin, ObjectFormat::Sha1).unwrap();
        assert_eq!(certificate.push.updates[0].name.as_bytes(), name);
    }

    #[test]
    fn whatever_else_is_refused_with_its_place_and_reason() {
        let (header, update) = ("nonce 1795577176-4c0f82cfbaf34ebc6768b77452097b59f60d0277\n", "refs/heads/main\n");
        let before_updates = "neither `push-option <option>` nor the blank line before the updates";
        for (from, to, why_not) in [
            ("version 0.1", "version 0.2", "line 1: not `certificate version 0.1`".to_owned()),
            ("version 0.1", "version 0.1 ", "line 1: not `certificate version 0.1`".into()),
            ("version 0.1\n", "version 0.1\r\n", "line 1: not `certificate version 0.1`".into()),
            ("pusher ", "pushed ", "line 2: not `pusher <who> <seconds> <zone>`".into()),
            (" 1795577176 +0000", " 1795577176 0000", "line 2: not `pusher <who> <seconds> <zone>`".into()),
            (" 1795577176 +0000", " 1795577176 +", "line 2: not `pusher <who> <seconds> <zone>`".into()),
            (" 1795577176 +0000", " -1 +0000", "line 2: not `pusher <who> <seconds> <zone>`".into()),
            (" 1795577176 +0000", " 9223372036854775808 +0000", "line 2: not `pusher <who> <seconds> <zone>`".into()),
            ("Dave Example <dave@example.com>", " ", "line 2: not `pusher <who> <seconds> <zone>`".into()),
            (".com> 179", ".com>\x0c 179", "line 2: not `pusher <who> <seconds> <zone>`".into()),
            (".com> 179", ".com>   179", "line 2: not `pusher <who> <seconds> <zone>`".into()),
            ("pusher Dave", "pusher  Dave", "line 2: not `pusher <who> <seconds> <zone>`".into()),
            ("pushee file", "pushes file", "line 3: neither `pushee <url>` nor `nonce <nonce>`".into()),
            (
                "pushee file:///srv/git/server.git",
                "pushee ",
                "line 3: neither `pushee <url>` nor `nonce <nonce>`".into(),
            ),
            ("nonce ", "nonces ", "line 4: not `nonce <nonce>`".into()),
            (header, "", "line 4: not `nonce <nonce>`".into()),
            (header, "nonce \n", "line 4: no nonce that a client signs".into()),
            ("nonce ", "nonce a b", "line 4: no nonce that a client signs".into()),
            (header, &(header.to_owned() + header), format!("line 5: {before_updates}")),
            (header, &format!("{header}note x\n"), format!("line 5: {before_updates}")),
            (header, &format!("{header}pushee x\n"), format!("line 5: {before_updates}")),
            ("\n\n2fe", "\n2fe", format!("line 5: {before_updates}")),
            ("\n\n2fe", "\n\n\n2fe", "line 6: not `<old> <new> <ref>`".into()),
            (update, "refs/tags/v1\n", "line 7: this ref stands in the push twice".into()),
            (update, "main\n", "line 6: not a full ref name".into()),
            (update, "refs/heads/main\n\n", "line 7: not `<old> <new> <ref>`".into()),
            ("2fe", "2FE", "line 6: an object id has a character that is no lower-case hexadecimal digit".into()),
            ("-----BEGIN", "----BEGIN", "it has no signature after its updates".into()),
            ("-----END", "-----BEGIN", "it has more than one signature".into()),
            ("Dave", "D\0ve", "it has a NUL byte".into()),
        ] {
            assert!(BY_OPENPGP.contains(from), "{from}");
            assert_eq!(why(&BY_OPENPGP.replacen(from, to, 1)), why_not, "{from:?} to {to:?}");
        }
    }

    #[test]
    fn what_is_not_whole_is_refused_wherever_it_ends() {
        let end = BY_SSH.find("-----BEGIN").unwrap();
        for length in 0..end {
            assert!(parse(&BY_SSH[..length]).is_err(), "{length}");
        }
        let (updates, blank) = (BY_SSH.find("\n0000").unwrap() + 1, BY_SSH.find("\n\n").unwrap() + 1);
        assert_eq!(why(""), "line 1: not `certificate version 0.1`");
        assert_eq!(
            why(&BY_SSH[..blank]),
            "line 7: neither `push-option <option>` nor the blank line before the updates"
        );
        assert_eq!(why(&BY_SSH[..end]), "it has no signature after its updates");
        let nothing_updated = [&BY_SSH[..updates], &BY_SSH[end..]].concat();
        assert_eq!(why(&nothing_updated), "line 8: it lists no update before its signature");
    }

    #[test]
    fn sizes_are_bounded() {
        let nonce = |length| BY_OPENPGP.replace("nonce ", &format!("nonce {}", "a".repeat(length - 51)));
        assert!(parse(&nonce(Bounds::NONCE)).is_ok());
        assert_eq!(why(&nonce(Bounds::NONCE + 1)), "line 4: no nonce that a client signs");
        let sized = |size| BY_OPENPGP.to_owned() + &"\n".repeat(size - BY_OPENPGP.len());
        assert!(parse(&sized(Bounds::PUSH_CERTIFICATE / 32)).is_ok());
        assert_eq!(why(&sized(Bounds::PUSH_CERTIFICATE + 1)), "it is larger than 32 MiB");
    }

    #[test]
    fn ids_are_of_the_repositorys_format() {
        let sha256 = |text: &str| PushCertificate::parse(text.as_bytes(), ObjectFormat::Sha256).map(|_| ());
        let wrong = sha256(BY_SSH).unwrap_err().to_string();
        assert_eq!(wrong, "line 8: an object id has the wrong length for this repository");
        let longer = BY_OPENPGP
            .replace(FIRST, &"ab".repeat(32))
            .replace(SECOND, &"cd".repeat(32))
            .replace(&"0".repeat(40), &"0".repeat(64));
        assert_eq!(sha256(&longer), Ok(()));
    }
}
