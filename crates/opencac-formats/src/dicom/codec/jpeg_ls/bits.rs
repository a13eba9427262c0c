//! Bits of a JPEG-LS scan, most significant first; after a byte FF comes a stuffed zero bit (T.87 A.1).

use super::super::CodecError;

/// Reads bits; beyond the end it gives zeros and remembers.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The next bits, top-aligned. Bits below the valid ones may already hold what follows.
    cache: u64,
    valid: u32,
    /// Zero bits given beyond the end.
    invented: u64,
    after_ff: bool,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, cache: 0, valid: 0, invented: 0, after_ff: false }
    }

    /// Makes at least 32 bits valid.
    #[inline(always)]
    pub(super) fn refill(&mut self) {
        if self.valid < 32 {
            self.fill();
        }
    }

    #[inline]
    fn fill(&mut self) {
        if let Some(next) = self.bytes.get(self.at..).and_then(<[u8]>::first_chunk::<8>) {
            let word = u64::from_be_bytes(*next);
            // Eight bytes without FF, after one that was none, carry no stuffing.
            if !self.after_ff && !has_ff(word) {
                self.cache |= word >> self.valid;
                let whole = (63 - self.valid) / 8;
                self.at += whole as usize;
                self.valid += 8 * whole;
                return;
            }
        }
        self.fill_bytewise();
    }

    #[cold]
    fn fill_bytewise(&mut self) {
        // Forget what the fast path put below the valid bits.
        self.cache = if self.valid == 0 { 0 } else { self.cache & (u64::MAX << (64 - self.valid)) };
        while self.valid <= 56 {
            let width = if self.after_ff { 7 } else { 8 };
            let byte = match self.bytes.get(self.at) {
                // FF followed by a byte of 80 or more is a marker: the scan is over.
                Some(&byte) if !(self.after_ff && byte >= 0x80) => byte,
                _ => {
                    self.invented += u64::from(64 - self.valid);
                    self.valid = 64;
                    return;
                }
            };
            self.at += 1;
            self.after_ff = byte == 0xFF;
            self.cache |= (u64::from(byte) << (64 - width)) >> self.valid;
            self.valid += width;
        }
    }

    /// Takes up to 32 bits. The caller refills.
    #[inline(always)]
    pub(super) fn take(&mut self, count: u32) -> u32 {
        debug_assert!(count <= 32 && count <= self.valid);
        // Two shifts, so that a count of zero does not shift by 64.
        let value = (self.cache >> 1 >> (63 - count)) as u32;
        self.cache <<= count;
        self.valid -= count;
        value
    }

    /// Takes zeros up to and including the next one and counts the zeros, up to `limit` of them (at most 64).
    #[inline(always)]
    pub(super) fn zeros(&mut self, limit: u32) -> Result<u32, CodecError> {
        let zeros = self.cache.leading_zeros();
        if zeros < self.valid.min(31) {
            if zeros > limit {
                return Err(too_long());
            }
            self.cache = self.cache << zeros << 1;
            self.valid -= zeros + 1;
            return Ok(zeros);
        }
        self.many_zeros(limit)
    }

    #[cold]
    fn many_zeros(&mut self, limit: u32) -> Result<u32, CodecError> {
        let mut zeros = 0;
        loop {
            self.refill();
            if self.take(1) == 1 {
                return Ok(zeros);
            }
            zeros += 1;
            if zeros > limit {
                return Err(too_long());
            }
        }
    }

    /// An error where more bits were taken than there are.
    pub(super) fn check(&self) -> Result<(), CodecError> {
        if self.invented > u64::from(self.valid) { Err(CodecError::Ends) } else { Ok(()) }
    }
}

fn too_long() -> CodecError {
    CodecError::malformed("a Golomb code is longer than its limit")
}

fn has_ff(word: u64) -> bool {
    // A byte of `word` is FF where a byte of its complement is zero.
    let complement = !word;
    complement.wrapping_sub(0x0101_0101_0101_0101) & word & 0x8080_8080_8080_8080 != 0
}
