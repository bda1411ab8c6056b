//! What is nearly right, the same in every run.

/// Numbers that look random (xorshift).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        u8::try_from(self.below(256)).unwrap()
    }

    /// One to three changes; never what it was.
    pub fn mutated(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.crossed(bytes, bytes)
    }

    /// As [`Self::mutated`], some of the changes to what stands in another input.
    pub fn crossed(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        while out == bytes {
            for _ in 0..=self.below(3) {
                let at = self.below(out.len());
                let end = (at + self.below(40)).min(out.len());
                match self.below(10) {
                    0 if at < out.len() => out[at] ^= 1 << self.below(8),
                    1 if at < out.len() => out[at] = self.byte(),
                    2 => out.insert(at, self.byte()),
                    3 => out.insert(at, b"\0\n \"\r-\x1b="[self.below(8)]),
                    4 => drop(out.drain(at..end)),
                    5 => out.truncate(at),
                    // Lengths of four gigabytes.
                    6 => out[at..(at + 4).min(end).max(at)].fill(0xff),
                    7 => self.double_line(&mut out),
                    8 => {
                        let from = self.below(other.len());
                        out.splice(at..end, other[from..(from + end - at).min(other.len())].to_vec());
                    }
                    _ => {
                        let (part, to) = (out[at..end].to_vec(), self.below(out.len()));
                        out.splice(to..to, part);
                    }
                }
            }
        }
        out
    }

    fn double_line(&mut self, out: &mut Vec<u8>) {
        let mut lines: Vec<_> = out.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
        let (from, to) = (self.below(lines.len()), self.below(lines.len() + 1));
        if let Some(line) = lines.get(from).cloned() {
            lines.insert(to, line);
        }
        *out = lines.concat();
    }
}
