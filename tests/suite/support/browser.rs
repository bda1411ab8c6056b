//! A page in a real browser: what becomes of it on a screen, light and dark, and on paper. Chromium, without a window.

use flate2::read::ZlibDecoder;
use std::{fs, io::Read, path::Path, process::Command};

/// What Debian, Ubuntu and Google call it.
const PROGRAMS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// What the reader's system asks for (`prefers-color-scheme`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    Light,
    Dark,
}

/// A page that was opened once.
pub struct Rendered {
    /// The document, as HTML, after all that it does by itself.
    pub document: String,
    pub screen: Picture,
    /// A PDF file.
    pub print: Vec<u8>,
    /// Everything that it would have loaded from the network, which was not there.
    pub requests: Vec<String>,
}

/// What the screen shows.
pub struct Picture {
    pub width: usize,
    pub height: usize,
    /// Red, green and blue, row by row from the top left.
    pixels: Vec<[u8; 3]>,
}

/// Opens a local page in a window of this width and height. It takes a second.
pub fn render(page: &Path, scheme: Scheme, (width, height): (usize, usize)) -> Rendered {
    let folder = tempfile::Builder::new().prefix("browser-").tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // One that hangs is ended.
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "60", program()]);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder.path());
    command.env("LC_ALL", "C.UTF-8").env("TZ", "UTC").env("TMPDIR", folder.path());
    // The page is the tests' own, and the sandbox needs what a container or another user than root may not have.
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=1"]);
    command.args([
        "--no-first-run",
        "--disable-extensions",
        "--disable-dev-shm-usage",
        "--disable-background-networking",
    ]);
    // Nobody listens there.
    command.args(["--proxy-server=http://127.0.0.1:9", "--proxy-bypass-list=<-loopback>"]);
    // Blink's `PreferredColorScheme`: 0 is dark, 1 is light.
    command.arg(format!("--blink-settings=preferredColorScheme={}", if scheme == Scheme::Dark { 0 } else { 1 }));
    command.arg(format!("--window-size={width},{height}")).args(["--dump-dom", "--no-pdf-header-footer"]);
    for (option, name) in [
        ("user-data-dir", "profile"),
        ("screenshot", "page.png"),
        ("print-to-pdf", "page.pdf"),
        ("log-net-log", "net.json"),
    ] {
        command.arg(format!("--{option}={}", at(name).display()));
    }
    command.arg(format!("file://{}", page.canonicalize().unwrap().to_str().unwrap()));
    let output = super::run(command, b"");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    let read = |name: &str| fs::read(at(name)).unwrap_or_else(|error| panic!("{name}: {error}\n{said}"));
    Rendered {
        document: String::from_utf8(output.stdout).unwrap(),
        screen: Picture::from_png(&read("page.png")),
        print: read("page.pdf"),
        requests: requests(&read("net.json")),
    }
}

fn program() -> &'static str {
    let path = std::env::var_os("PATH").unwrap();
    let is_there = |program: &&str| std::env::split_paths(&path).any(|folder| folder.join(program).exists());
    PROGRAMS.into_iter().find(is_there).expect("no Chromium is installed: `make install-deps`")
}

/// Of all that the browser asked for, what a page did: the browser's own requests have no origin (net/log).
fn requests(log: &[u8]) -> Vec<String> {
    let log: serde_json::Value = serde_json::from_slice(log).unwrap();
    let of_pages = log["events"].as_array().unwrap().iter().map(|event| &event["params"]).filter(|params| {
        let initiator = params["initiator"].as_str();
        initiator.is_some_and(|initiator| initiator != "not an origin")
    });
    let mut found: Vec<_> = of_pages.map(|params| params["url"].as_str().unwrap().to_owned()).collect();
    found.sort();
    found.dedup();
    found
}

impl Rendered {
    /// How many sheets of paper it takes.
    pub fn sheets(&self) -> usize {
        let print = String::from_utf8_lossy(&self.print);
        assert!(print.starts_with("%PDF-"), "{print}");
        print.lines().filter(|line| line.contains("/Type /Page") && !line.contains("/Type /Pages")).count()
    }
}

impl Picture {
    pub fn at(&self, x: usize, y: usize) -> [u8; 3] {
        assert!(x < self.width, "{x}");
        self.pixels[y * self.width + x]
    }

    /// Reads what Chromium writes: eight bits a channel, not interlaced (PNG, third edition, sections 5, 9 and 11).
    fn from_png(bytes: &[u8]) -> Self {
        let mut rest = bytes.strip_prefix(b"\x89PNG\r\n\x1a\n").unwrap();
        let number = |bytes: &[u8]| u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
        let (mut header, mut packed) = (&[][..], Vec::new());
        while !rest.is_empty() {
            let (kind, data) = (&rest[4..8], &rest[8..8 + number(rest)]);
            match kind {
                b"IHDR" => header = data,
                b"IDAT" => packed.extend_from_slice(data),
                _ => {}
            }
            rest = &rest[12 + data.len()..];
        }
        let (width, height) = (number(header), number(&header[4..]));
        let channels = match header[8..] {
            [8, 2, 0, 0, 0] => 3,
            [8, 6, 0, 0, 0] => 4,
            ref other => panic!("another form of PNG: {other:?}"),
        };
        let mut filtered = Vec::new();
        ZlibDecoder::new(&*packed).read_to_end(&mut filtered).unwrap();
        let mut above = vec![0; width * channels];
        let mut pixels = Vec::with_capacity(width * height);
        for row in filtered.chunks_exact(1 + width * channels) {
            let row = unfiltered(row[0], &row[1..], &above, channels);
            pixels.extend(row.chunks_exact(channels).map(|pixel| [pixel[0], pixel[1], pixel[2]]));
            above = row;
        }
        assert_eq!(pixels.len(), width * height);
        Self { width, height, pixels }
    }
}

/// A row's bytes from their differences to those on the left and above (section 9).
fn unfiltered(filter: u8, row: &[u8], above: &[u8], channels: usize) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(row.len());
    for (at, &byte) in row.iter().enumerate() {
        let (left, corner) = if at < channels { (0, 0) } else { (out[at - channels], above[at - channels]) };
        let up = above[at];
        let guess = match filter {
            0 => 0,
            1 => left,
            2 => up,
            3 => ((u16::from(left) + u16::from(up)) / 2) as u8,
            4 => {
                let estimate = i16::from(left) + i16::from(up) - i16::from(corner);
                // The first of equals.
                [left, up, corner].into_iter().min_by_key(|&near| (estimate - i16::from(near)).abs()).unwrap()
            }
            other => panic!("no filter of PNG: {other}"),
        };
        out.push(byte.wrapping_add(guess));
    }
    out
}
