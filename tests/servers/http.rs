//! Git over HTTP: git-http-backend behind nginx and behind Apache.

use crate::{
    capabilities::{self, Row},
    manual,
    process::{self, Process},
    server::{Person, Remote, Server},
    site::Site,
    support::{Dice, run_well},
};
use std::{
    fs,
    path::PathBuf,
    sync::OnceLock,
    thread,
    time::{Duration, Instant},
};

pub fn nginx() -> &'static Row {
    static ROW: OnceLock<Row> = OnceLock::new();
    ROW.get_or_init(|| capabilities::measure(&serve_with_nginx(ANY_SIZE)))
}

pub fn apache() -> &'static Row {
    static ROW: OnceLock<Row> = OnceLock::new();
    ROW.get_or_init(|| capabilities::measure(&serve_with_apache()))
}

/// What the manual says of the size of pushes, or what stands there instead.
const ANY_SIZE: &str = "client_max_body_size 0;";

fn serve_with_nginx(size: &str) -> Server {
    let site = Site::of_web_server();
    let repository = site.bare("project.git");
    site.another();
    let at = |name: &str| site.path(name).display().to_string();
    let page = manual::block(
        "nginx",
        &[
            (ANY_SIZE, size),
            ("/etc/nginx/git.htpasswd", &passwords(&site)),
            ("/usr/lib/git-core", &process::git_core().display().to_string()),
            ("/srv/git", &at("srv")),
            ("/run/fcgiwrap.socket", &at("run/fcgiwrap.socket")),
        ],
    );
    let mut wrapper = site.as_owner(&process::program("fcgiwrap", "fcgiwrap"));
    wrapper.args(["-c", "2", "-s"]).arg(format!("unix:{}", at("run/fcgiwrap.socket")));
    let log = site.path("fcgiwrap.log");
    let wrapper = Process::start(&wrapper, &log);
    process::wait_for(&site.path("run/fcgiwrap.socket"), &log);
    let config = site.path("nginx.conf");
    let places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {}/{name};\n", at("run")))
        .concat();
    let (port, nginx) = process::listening(&site.path("nginx.log"), |port| {
        let text = format!(
            "daemon off;\nmaster_process off;\npid {run}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n\
             access_log off;\n{places}server {{\nlisten 127.0.0.1:{port};\n{page}}}\n}}\n",
            run = at("run")
        );
        fs::write(&config, text).unwrap();
        let mut command = site.as_owner(&process::program("nginx", "nginx"));
        command.args(["-e", "stderr", "-c"]).arg(&config);
        command
    });
    server("nginx and git-http-backend", site, repository, port, vec![nginx, wrapper])
}

fn serve_with_apache() -> Server {
    let site = Site::of_web_server();
    let repository = site.bare("project.git");
    site.another();
    let at = |name: &str| site.path(name).display().to_string();
    let page = manual::block(
        "apache",
        &[
            ("/etc/apache2/git.htpasswd", &passwords(&site)),
            ("/usr/lib/git-core", &process::git_core().display().to_string()),
            ("/srv/git", &at("srv")),
        ],
    );
    let modules =
        ["mpm_prefork", "authn_core", "authn_file", "authz_core", "authz_user", "auth_basic", "alias", "env", "cgi"]
            .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
            .concat();
    let config = site.path("apache.conf");
    let (port, apache) = process::listening(&site.path("apache.log"), |port| {
        let text = format!(
            "ServerRoot {run}\nServerName 127.0.0.1\nListen 127.0.0.1:{port}\nPidFile {run}/apache.pid\n\
             DefaultRuntimeDir {run}\nErrorLog {run}/apache.log\nStartServers 2\nDocumentRoot {run}\n{modules}{page}",
            run = at("run")
        );
        fs::write(&config, text).unwrap();
        let mut command = site.as_owner(&process::program("apache2", "apache2"));
        command.args(["-DFOREGROUND", "-f"]).arg(&config);
        command
    });
    server("Apache and git-http-backend", site, repository, port, vec![apache])
}

/// A file of passwords, each the person's own name.
fn passwords(site: &Site) -> String {
    let file = site.path("passwords");
    for (create, person) in [("-bc", "alice"), ("-b", "bob")] {
        let mut command = site.world.command(process::program("htpasswd", "apache2-utils"), &site.path("run"));
        command.arg(create).arg(&file).args([person, person]);
        run_well(command, b"");
    }
    file.display().to_string()
}

fn server(name: &'static str, site: Site, repository: PathBuf, port: u16, processes: Vec<Process>) -> Server {
    let remotes = ["alice", "bob"].map(|person| Remote {
        address: format!("http://{person}:{person}@127.0.0.1:{port}/git/project.git"),
        environment: Vec::new(),
    });
    Server {
        _processes: processes,
        name,
        home: site.path("home"),
        install: Server::options("http", &site),
        believed: Some("http"),
        remotes,
        files: vec![site.root()],
        other_hook: repository.join("hooks/pre-receive"),
        update_hook: repository.join("hooks/update"),
        prepare_other: |_| (),
        prepare_update: |_| (),
        prefix: "",
        cannot: &[],
        repository,
        site,
    }
}

/// What a hook beside ours sees on an accepted push: the names of its environment's variables, and the values.
fn environment(server: &Server) -> String {
    server.write_noting_hook(&server.other_hook, "pre-receive");
    let commit = server.signed("refs/heads/main", "One more");
    server.accepts(Person::Alice, &[], &[&format!("{commit}:refs/heads/main")]);
    fs::read_to_string(server.note("pre-receive")).unwrap()
}

#[test]
fn git_over_http_behind_nginx() {
    nginx();
}

#[test]
fn git_over_http_behind_apache() {
    apache();
}

#[test]
fn web_servers_tell_hooks_more_or_less_than_they_should() {
    let seen = environment(&serve_with_nginx(ANY_SIZE));
    assert!(seen.contains("\nHTTP_AUTHORIZATION=Basic "), "{seen}");
    let seen = environment(&serve_with_apache());
    assert!(!seen.contains("HTTP_AUTHORIZATION="), "{seen}");
    assert!(!seen.contains("\nHOME=") && !seen.starts_with("HOME="), "{seen}");
}

#[test]
fn a_large_push_needs_nginx_to_take_it() {
    for (size, is_taken) in [(ANY_SIZE, true), ("", false)] {
        let server = serve_with_nginx(size);
        server.install();
        capabilities::write_policy(&server);
        let world = &server.site.world;
        let mut dice = Dice(1);
        let noise: Vec<u8> = (0..2 << 20).map(|_| dice.below(256) as u8).collect();
        fs::write(world.clone_path().join("noise"), noise).unwrap();
        world.git(&["add", "noise"]);
        world.git(&["commit", "-q", "-S", "-m", "Large"]);
        if is_taken {
            server.accepts(Person::Alice, &[], &["HEAD:refs/heads/main"]);
        } else {
            server.refuses(&[], &["HEAD:refs/heads/main"], "413");
        }
    }
}

/// With a second for nginx's minute.
#[test]
fn nginx_gives_up_and_the_push_goes_on() {
    let server = serve_with_nginx(&format!("{ANY_SIZE} fastcgi_read_timeout 1s;"));
    server.site.make_folder(&server.repository.join("hooks"));
    server.site.write(&server.other_hook, "#!/bin/sh\nsleep 5\n", 0o755);
    server.install();
    capabilities::write_policy(&server);
    let commit = server.signed("refs/heads/main", "Slow");
    let to_main = format!("{commit}:refs/heads/main");
    let pushed = server.push(Person::Alice, &[], &[&to_main]);
    assert!(!pushed.succeeded && pushed.output.contains("504"), "{}", pushed.output);
    assert!(pushed.after.is_empty(), "{}", pushed.output);
    let until = Instant::now() + Duration::from_secs(60);
    while server.site.refs(&server.repository).is_empty() {
        assert!(Instant::now() < until, "the push did not go on");
        thread::sleep(Duration::from_millis(100));
    }
}
