//! GitLab: what Gitaly makes of a push and of its hooks is made here as it does (internal/gitaly/hook/custom.go).

use crate::{
    capabilities::{self, Row},
    forced,
    server::{Capability, Person, Server},
    site::Site,
    support::phrase_of,
};
use std::sync::OnceLock;

pub fn row() -> &'static Row {
    static ROW: OnceLock<Row> = OnceLock::new();
    ROW.get_or_init(|| capabilities::measure(&serve()))
}

/// What gitlab-shell and Gitaly come to: git with Gitaly's own folder of hooks, which know who pushes.
const SHELL: &str = r#"#!/bin/sh
# Stands for gitlab-shell and Gitaly.
case $1 in
key-1) export PAYLOAD_ID=user-1 PAYLOAD_USERNAME=alice ;;
key-2) export PAYLOAD_ID=user-2 PAYLOAD_USERNAME=bob ;;
esac
export LANG=en_US.UTF-8
exec git -c core.hooksPath="<run>/hooks" -c receive.advertisePushOptions=true receive-pack "<repository>"
"#;

/// Gitaly runs the repository's own hooks, then those of all repositories, sorted by name, until one fails. Of the
/// environment they get only what it lists; what git tells of the quarantine is there without its name.
const HOOKS: &str = r#"#!/bin/sh
# Stands for gitaly-hooks.
name=${0##*/}
lines=$(mktemp) || exit
trap 'rm -f "$lines"' EXIT
case $name in update) ;; *) cat >"$lines" ;; esac
run() {
    for hook in "<repository>/custom_hooks/$name" "<repository>/custom_hooks/$name.d"/* "<run>/custom_hooks/$name.d"/*; do
        case $hook in *~) continue ;; esac
        if [ -x "$hook" ] && ! [ -d "$hook" ]; then
            (cd "<repository>" && exec env -i "$@" "$hook" $arguments) <"$lines" || exit 1
        fi
    done
}
arguments=$*
set -- "HOME=$HOME" "PATH=$PATH" "GIT_DIR=<repository>" GL_REPOSITORY=project-1 GL_PROJECT_PATH=team/project \
    "GL_ID=$PAYLOAD_ID" "GL_USERNAME=$PAYLOAD_USERNAME" GL_PROTOCOL=ssh
if [ -n "$GIT_OBJECT_DIRECTORY" ]; then
    set -- "$@" "GIT_OBJECT_DIRECTORY=$GIT_OBJECT_DIRECTORY"
    set -- "$@" "GIT_ALTERNATE_OBJECT_DIRECTORIES=$GIT_ALTERNATE_OBJECT_DIRECTORIES"
fi
if [ -n "$GIT_PUSH_OPTION_COUNT" ]; then
    set -- "$@" "GIT_PUSH_OPTION_COUNT=$GIT_PUSH_OPTION_COUNT"
    number=0
    while [ "$number" -lt "$GIT_PUSH_OPTION_COUNT" ]; do
        eval "set -- \"\$@\" \"GIT_PUSH_OPTION_$number=\$GIT_PUSH_OPTION_$number\""
        number=$((number + 1))
    done
fi
run "$@"
"#;

/// Storage is by a hash of the project's number, so that a path says nothing.
const PATH: &str = "@hashed/6b/86/6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b.git";

fn serve() -> Server {
    let site = Site::new();
    let repository = site.bare(PATH);
    site.another();
    let fitted = |text: &str| {
        text.replace("<repository>", repository.to_str().unwrap()).replace("<run>", site.path("run").to_str().unwrap())
    };
    site.make_folder(&site.path("run/hooks"));
    for name in ["pre-receive", "update"] {
        site.write(&site.path("run/hooks").join(name), &fitted(HOOKS), 0o755);
    }
    let program = site.path("run/gitlab-shell");
    site.write(&program, &fitted(SHELL), 0o755);
    let (sshd, remotes) = forced::start(&site, &program, "", "team/project.git");
    Server {
        _processes: vec![sshd],
        name: "GitLab, as it is emulated",
        home: site.path("home"),
        install: Server::options("gitlab", &site),
        believed: Some("gitlab"),
        remotes,
        files: vec![site.root()],
        other_hook: repository.join("custom_hooks/pre-receive.d/other"),
        update_hook: repository.join("custom_hooks/update.d/countersign"),
        prepare_other: |_| (),
        prepare_update: |_| (),
        prefix: "GL-HOOK-ERR: ",
        cannot: &[(Capability::PushCertificates, "Gitaly passes none on to hooks")],
        repository,
        site,
    }
}

#[test]
fn git_behind_gitlab() {
    row();
}

/// Gitaly's `custom_hooks_dir`.
#[test]
fn one_hook_for_all_repositories_of_gitlab() {
    let mut server = serve();
    let custom = server.site.path("run/custom_hooks");
    server.install.extend(["--custom-hooks".to_owned(), custom.display().to_string()]);
    server.site.make_folder(&custom);
    let before = server.site.content(&custom);
    server.install();
    capabilities::write_policy(&server);
    let to_main = |commit: &str| format!("{commit}:refs/heads/main");
    server.refuses(&[], &[&to_main(&server.unsigned("refs/heads/main", "Add a plan"))], phrase_of("unsigned"));
    server.accepts(Person::Alice, &[], &[&to_main(&server.signed("refs/heads/main", "Add a plan"))]);
    server.uninstall();
    assert_eq!(server.site.content(&custom), before);
    let pushed = server.push(Person::Alice, &[], &[&to_main(&server.unsigned("refs/heads/main", "Add more"))]);
    assert!(pushed.succeeded, "{}", pushed.output);
}

/// It arrives at Gitaly's git, and goes no further.
#[test]
fn a_signed_push_is_no_signed_push_on_gitlab() {
    let server = serve();
    server.configure(&[("receive.certNonceSeed", "a secret")]);
    server.install();
    server.site.policy(
        "version = 1\nunmatched-refs = \"accept\"\nserver = \"gitlab\"\n[[rule]]\nname = \"main\"\n\
         refs = [\"refs/heads/main\"]\npusher = { by = [\"*\"], certificate = \"required\" }\n",
    );
    let to_main = format!("{}:refs/heads/main", server.signed("refs/heads/main", "Add a plan"));
    server.refuses(&["--signed"], &[&to_main], phrase_of("no-push-certificate"));
}
