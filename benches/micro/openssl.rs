//! Verifications a second, beside those of `openssl speed` on the same machine at the same time.

use serde_json::Value;
use std::{collections::BTreeMap, fs, process::Command, time::SystemTime};

/// What Criterion found, in verifications a second.
#[derive(Clone, Copy)]
pub struct Figure(f64);

impl Figure {
    /// `None`: it was not measured since then.
    pub fn since(begin: SystemTime, group: &str, name: &str) -> Option<Self> {
        let target = env!("CARGO_TARGET_TMPDIR").trim_end_matches("/tmp");
        let path = format!("{target}/criterion/{group}/{name}/new/estimates.json");
        if fs::metadata(&path).ok()?.modified().unwrap() < begin {
            return None;
        }
        let text = fs::read_to_string(path).unwrap();
        let estimates: Value = serde_json::from_str(&text).unwrap();
        Some(Self(1e9 / estimates["median"]["point_estimate"].as_f64().unwrap()))
    }
}

/// Prints them with the algorithm's name at openssl.
pub fn compare(figures: &[(&str, Figure, &str)]) {
    if figures.is_empty() {
        return;
    }
    let speeds = speeds();
    println!("\n{:<26} {:>14} {:>14} {:>8}", "verifications a second", "here", "openssl", "ratio");
    for (name, Figure(ours), algorithm) in figures {
        match speeds.get(*algorithm) {
            Some(theirs) => println!("{name:<26} {ours:>14.0} {theirs:>14.0} {:>8.2}", ours / theirs),
            None => println!("{name:<26} {ours:>14.0} {:>14} {:>8}", "-", "-"),
        }
    }
    println!(
        "\nHere a signature is taken out of its armor and the whole commit hashed as well; openssl is what is installed."
    );
}

/// Verifications a second by algorithm; none without openssl.
fn speeds() -> BTreeMap<String, f64> {
    let algorithms = ["ed25519", "ecdsap256", "rsa2048", "rsa4096"];
    let Ok(measured) = Command::new("openssl").args(["speed", "-seconds", "1", "-mr"]).args(algorithms).output() else {
        return BTreeMap::new();
    };
    let text = String::from_utf8_lossy(&measured.stdout).into_owned();
    text.lines().filter_map(figure).collect()
}

/// Lines of `-mr` (openssl's apps/speed.c): `+F2:number:bits:sign:verify`, the last two a second; F4 is ECDSA, F6 EdDSA.
fn figure(line: &str) -> Option<(String, f64)> {
    let mut fields = line.split(':');
    let kind = fields.next()?;
    let rest: Vec<&str> = fields.collect();
    let name = match kind {
        "+F2" => format!("rsa{}", rest.get(1)?),
        "+F4" if *rest.get(1)? == "256" => "ecdsap256".to_owned(),
        "+F6" => "ed25519".to_owned(),
        _ => return None,
    };
    let verify: f64 = rest.last()?.parse().ok()?;
    Some((name, verify))
}
