//! Fields as SSH encodes them (RFC 4251, section 5), borrowed from what was received.

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire<'b>(pub(crate) &'b [u8]);

impl<'b> Wire<'b> {
    /// The next `count` bytes; `None` if there are fewer.
    pub(crate) fn bytes(&mut self, count: usize) -> Option<&'b [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.bytes(1)?.first().copied()
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.bytes(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.bytes(8)?.try_into().ok().map(u64::from_be_bytes)
    }

    pub(crate) fn string(&mut self) -> Option<&'b [u8]> {
        let length = self.u32()?;
        self.bytes(usize::try_from(length).ok()?)
    }

    /// An `mpint` that is not negative, without its leading zeros.
    pub(crate) fn natural(&mut self) -> Option<&'b [u8]> {
        let bytes = self.string()?;
        match bytes.first() {
            Some(&first) if first & 0x80 != 0 => None,
            Some(_) | None => {
                let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
                bytes.get(zeros..)
            }
        }
    }

    /// Nothing is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends a string field.
pub(super) fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend(length.to_be_bytes());
    out.extend(bytes);
}
