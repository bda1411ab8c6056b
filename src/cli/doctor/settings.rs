//! Settings of git (git-config(1)) that keep the hook from running, or what it needs from arriving.

use super::finding::Finding;
use crate::cli::site::{Settings, quoted};
use std::{os::unix::ffi::OsStrExt, path::Path};

/// What is not as it should be; `at`: the repository. `certificates`: whether a rule asks for a push certificate.
pub(super) fn findings(settings: &Settings, at: &Path, certificates: bool) -> Vec<Finding> {
    let git = |setting: &str| format!("for all repositories, as whom they belong to: git config --global {setting}");
    let mut found = Vec::new();
    let checks = settings.boolean("receive.fsckobjects").or(settings.boolean("transfer.fsckobjects"));
    if checks != Some(true) {
        let what = "git does not check the form of what is pushed (receive.fsckObjects, transfer.fsckObjects)";
        found.push(Finding::warning("fsck-off", at, what, git("receive.fsckObjects true")));
    }
    if number(settings, "receive.maxinputsize") == 0 {
        let what = "a push may be as large as it likes (receive.maxInputSize)";
        found.push(Finding::warning("no-size-limit", at, what, git("receive.maxInputSize 2g")));
    }
    if certificates {
        if settings.get("receive.certnonceseed").is_none_or(<[u8]>::is_empty) {
            let what = "a rule asks for push certificates, and git asks nobody for one (receive.certNonceSeed)";
            let way_out = git("receive.certNonceSeed \"$(openssl rand -hex 32)\"");
            found.push(Finding::critical("certificate-nonce", at, what, way_out));
        } else if number(settings, "receive.certnonceslop") < 2 {
            let what = "over HTTP a push certificate is too late after a second (receive.certNonceSlop)";
            found.push(Finding::warning("certificate-slop", at, what, git("receive.certNonceSlop 60")));
        }
    }
    found
}

/// 0 where it is no number; letters after it (`k`, `m`, `g`) only make it larger.
fn number(settings: &Settings, name: &str) -> u64 {
    let text = String::from_utf8_lossy(settings.get(name).unwrap_or_default()).into_owned();
    let digits: String = text.trim().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// For a shell.
pub(super) fn shell_word(path: &Path) -> String {
    String::from_utf8_lossy(&quoted(path.as_os_str().as_bytes())).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(listed: &str, certificates: bool) -> Vec<&'static str> {
        let settings = Settings::parse(listed.replace(' ', "\0").as_bytes());
        findings(&settings, Path::new("/r"), certificates).into_iter().map(|finding| finding.code).collect()
    }

    #[test]
    fn the_last_value_counts_and_is_read_as_git_does() {
        let good =
            "transfer.fsckobjects\nyes receive.maxinputsize\n1g receive.certnonceseed\nx receive.certnonceslop\n60";
        assert_eq!(codes(good, true), [""; 0]);
        let all = ["fsck-off", "no-size-limit", "certificate-nonce"];
        assert_eq!(codes("", true), all);
        assert_eq!(codes("", false), all[..2]);
        for (more, expected) in [
            ("receive.fsckobjects\nfalse", "fsck-off"),
            ("receive.maxinputsize\n0", "no-size-limit"),
            ("receive.certnonceseed\n", "certificate-nonce"),
            ("receive.certnonceslop\n1", "certificate-slop"),
        ] {
            assert_eq!(codes(&format!("{good} {more}"), true), [expected], "{more}");
        }
        assert_eq!(codes("receive.fsckobjects receive.maxinputsize\n5", false), [""; 0]);
    }
}
