//! Bytes as text.

pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len() * 4 / 3 + 4);
    for three in bytes.chunks(3) {
        let at = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for (place, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            let padding = place > three.len();
            text.push(if padding { '=' } else { char::from(ALPHABET[(bits >> shift & 63) as usize]) });
        }
    }
    text
}

/// What is between the lines of PEM.
pub fn from_pem(pem: &str) -> Vec<u8> {
    let digits = pem.lines().filter(|line| !line.starts_with('-')).flat_map(str::bytes).filter(|byte| *byte != b'=');
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        (bits, held) = (bits << 6 | u32::from(value), held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    bytes
}

/// As OpenPGP has it (RFC 4880, section 6.2), with the checksum that GnuPG writes.
pub fn openpgp(kind: &str, bytes: &[u8]) -> String {
    let text = base64(bytes);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    let checksum = base64(&crc24(bytes).to_be_bytes()[1..]);
    format!("-----BEGIN PGP {kind}-----\n\n{}\n={checksum}\n-----END PGP {kind}-----\n", lines.join("\n"))
}

/// RFC 4880, section 6.1.
fn crc24(bytes: &[u8]) -> u32 {
    let mut crc = 0xb7_04ce;
    for byte in bytes {
        crc ^= u32::from(*byte) << 16;
        for _ in 0..8 {
            crc <<= 1;
            if crc & 0x100_0000 != 0 {
                crc ^= 0x186_4cfb;
            }
        }
    }
    crc & 0xff_ffff
}
