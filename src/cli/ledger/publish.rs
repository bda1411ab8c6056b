//! `ledger publish`: the checkpoint, given to others. The one place that opens a connection.

use super::{
    Place, head,
    witnessing::{self, Reply},
};
use crate::{
    Undecided,
    bounds::Bounds,
    cli::{
        Common, Form, Outcome, kept,
        output::{Output, tell},
        place::Files,
    },
    ledger::{Ledger, key::VerifierKey},
    report::{SCHEMA, escaped},
};
use clap::Args;
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use ureq::{
    Agent,
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

/// Gives the last checkpoint to others, so that nothing that it covers can be changed unseen. For a timer: pushes do not
/// wait for it.
///
/// `--to DIR` keeps it as a file, `checkpoint-SIZE`, in a folder that is best another machine's. A witness
/// (c2sp.org/tlog-witness) is shown that what it saw before was only added to, and signs; what it signed is kept in the
/// ledger's folder, in `witnessed/`.
///
/// Exit status 1 if others have seen another ledger than this: one that was rewritten, or is an older copy. 3 if one of them
/// cannot be reached, or does not want it.
#[derive(Args, Debug)]
pub(in crate::cli) struct Arguments {
    /// A folder; may be given several times
    #[arg(long, value_name = "DIR", required_unless_present = "witness")]
    to: Vec<PathBuf>,
    /// A witness's address
    #[arg(long, value_name = "URL", requires = "witness_key")]
    witness: Option<String>,
    /// The witness's verifier key: the file, or its text
    #[arg(long, value_name = "FILE|TEXT", requires = "witness")]
    witness_key: Option<String>,
    /// Whom to believe that a server is the one of an `https` address: certificates in PEM [default: the system's]
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// How long a witness has to answer: one that is well does it at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where systems keep the certificates that all of it believes: Debian and Arch, Fedora and RHEL, SUSE, Alpine.
const SYSTEM_CERTIFICATES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

pub(super) fn run(common: &Common, arguments: &Arguments, output: &mut Output) -> Result<Outcome, Undecided> {
    let named = arguments.place.ledger.as_deref();
    let witness = arguments.witness.as_deref().zip(arguments.witness_key.as_deref());
    let witness = witness.map(|(address, key)| Ok((address, super::verify::key(key)?))).transpose()?;
    let ledger = match witness {
        Some(_) => kept::to_write(common, named)?,
        None => kept::to_ask(common, named)?,
    };
    let head = head::head(&ledger)?;
    let (mut published, mut alarms) = (Vec::new(), Vec::new());
    for folder in &arguments.to {
        match witnessing::drop_into(folder, &ledger, &head)? {
            Ok(file) => published.push(file.to_string_lossy().into_owned()),
            Err(alarm) => alarms.push(alarm),
        }
    }
    if let Some((address, key)) = &witness {
        match cosigned(common, &ledger, &head, address, key, arguments.ca.as_deref())? {
            Ok(told) => published.push(told),
            Err(alarm) => alarms.push(alarm),
        }
    }
    for alarm in &alarms {
        tell(&(escaped(&format!("error: {alarm}")) + "\n"));
    }
    let size = head.checkpoint.size();
    match common.format {
        Form::Json => output.line(
            &json!({ "schema": SCHEMA, "records": size, "published": published, "alarms": alarms }).to_string(),
        )?,
        Form::Human | Form::Porcelain | Form::Csv | Form::Html | Form::Prometheus => {
            for told in &published {
                output.line(&escaped(&format!("{size} records: {told}")))?;
            }
        }
    }
    Ok(if alarms.is_empty() { Outcome::Good } else { Outcome::NotGood })
}

fn cosigned(
    common: &Common,
    ledger: &Ledger,
    head: &head::Head,
    address: &str,
    key: &VerifierKey,
    certificates: Option<&Path>,
) -> Result<Result<String, String>, Undecided> {
    let address = format!("{}/add-checkpoint", address.trim_end_matches('/'));
    let agent = agent(address.starts_with("https:"), certificates)?;
    let post = |body: &str| post(&agent, &address, body);
    witnessing::cosign(Files::new(common)?.trusted(), ledger, head, key, &post)
}

/// Sends a body.
fn post(agent: &Agent, address: &str, body: &str) -> Result<Reply, Undecided> {
    let ask = || {
        let mut answer = agent.post(address).content_type("text/plain; charset=utf-8").send(body)?;
        let most = u64::try_from(Bounds::NOTE).unwrap_or(u64::MAX);
        let body = answer.body_mut().with_config().limit(most).read_to_vec()?;
        Ok(Reply { status: answer.status().as_u16(), body })
    };
    ask().map_err(|error: ureq::Error| Undecided::server(format!("asking the witness at {address}"), error))
}

fn agent(encrypted: bool, certificates: Option<&Path>) -> Result<Agent, Undecided> {
    let config = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("countersign/", env!("CARGO_PKG_VERSION")));
    let config = if encrypted {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let roots = RootCerts::new_with_certs(&trusted(certificates)?);
        config.tls_config(TlsConfig::builder().unversioned_rustls_crypto_provider(provider).root_certs(roots).build())
    } else {
        config
    };
    Ok(config.build().into())
}

/// The certificates that a server's is held against.
fn trusted(named: Option<&Path>) -> Result<Vec<ureq::tls::Certificate<'static>>, Undecided> {
    let doing = |file: &Path| format!("reading the certificates `{}`", file.display());
    let system = || SYSTEM_CERTIFICATES.iter().map(Path::new).find(|file| file.exists());
    let Some(file) = named.or_else(system) else {
        return Err(Undecided::server(
            "looking for the system's certificates",
            "there are none: name a file with --ca",
        ));
    };
    let pem = fs::read(file).map_err(|error| Undecided::server(doing(file), error))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            // What is none, or none that is understood, is believed nothing.
            Ok(_) | Err(_) => None,
        })
        .collect();
    match certificates.is_empty() {
        true => Err(Undecided::server(doing(file), "there is none in it")),
        false => Ok(certificates),
    }
}
