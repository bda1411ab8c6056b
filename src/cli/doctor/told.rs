//! What was found, in the form and at the place that was asked for.

use super::{
    Arguments, check,
    examined::{Examined, Site},
    exposition::prometheus,
    finding::{CODES, Finding},
    layout::{human, json},
};
use crate::{
    Undecided,
    cli::{
        Common, Form, Outcome,
        output::{Output, tell},
        place::{Files, now},
        site::Manifest,
    },
    report::escaped,
};
use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let lay_out = match common.format {
        Form::Human => human,
        Form::Json => json,
        Form::Prometheus => prometheus,
        Form::Porcelain | Form::Csv | Form::Html => {
            tell("error: `doctor` has `--format human`, `json` and `prometheus`\n");
            return Ok(Outcome::Usage);
        }
    };
    if let Some(other) = arguments.ignore.iter().find(|code| !CODES.contains(&code.as_str())) {
        tell(&escaped(&format!("error: no finding is called `{other}`; docs/doctor.md has them all")));
        tell("\n");
        return Ok(Outcome::Usage);
    }
    let mut examined = examine(common, arguments)?;
    examined.leave_out(&arguments.ignore);
    let text = lay_out(&examined);
    match &arguments.output {
        None => output.write(&text)?,
        Some(file) => {
            let failed = |error| Undecided::server(format!("writing `{}`", file.display()), error);
            write_whole(file, text.as_bytes()).map_err(failed)?;
        }
    }
    Ok(examined.severity().outcome())
}

fn examine(common: &Common, arguments: &Arguments) -> Result<Examined, Undecided> {
    let now = now()?;
    let files = Files::new(common)?;
    let manifest = match &arguments.manifest {
        Some(file) => Some(Manifest::read_file(file, files.trusted())?),
        None => Manifest::read(&arguments.config, files.trusted())?,
    };
    let Some(manifest) = manifest else {
        let what = "there is no `installed.toml`, so it is not known what is installed";
        let finding =
            Finding::unknown("not-installed", &arguments.config, what, "install.sh writes it; or --config DIR");
        let site = Site { findings: vec![finding], ..Site::default() };
        return Ok(Examined { now, site, repositories: Vec::new() });
    };
    let roots = if arguments.repos.is_empty() { &manifest.repositories } else { &arguments.repos };
    let policy = common.policy.as_ref().or(manifest.call.policy.as_ref());
    check::examine(&manifest, roots, policy.map(PathBuf::as_path), arguments.canary, now)
}

/// Over a second file beside it, so that nobody reads half of it. That one's name ends in no `.prom`, which the textfile collector
/// would read.
fn write_whole(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = file.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy().into_owned();
    let beside = file.with_file_name(format!(".{name}.{}", std::process::id()));
    let mut made = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&beside)?;
    let put = made.write_all(bytes).and_then(|()| made.sync_all()).and_then(|()| fs::rename(&beside, file));
    if put.is_err() {
        // Why it could not be written, is told.
        let _ = fs::remove_file(&beside);
    }
    put
}
