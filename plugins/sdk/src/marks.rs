//! Finds the bytes that end cells, 64 at a time: a bit says of each whether it is one.

#![allow(unsafe_code)]

/// Bytes of a block.
pub(crate) const BLOCK: usize = 64;

/// The content of a block, a bit for each byte, the first one's lowest.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Quotes and line breaks: what ends a cell in quotes.
    pub(crate) quoted: u64,
    /// Quotes, line breaks and commas: what ends any other cell.
    pub(crate) bare: u64,
}

/// The marks of the block that `bytes` begins with. What is behind the end is none.
#[inline]
pub(crate) fn marks(bytes: &[u8]) -> Marks {
    match bytes.first_chunk() {
        Some(block) => of_block(block),
        None => of_last(bytes),
    }
}

#[cold]
fn of_last(bytes: &[u8]) -> Marks {
    let mut block = [0; BLOCK];
    for (room, byte) in block.iter_mut().zip(bytes) {
        *room = *byte;
    }
    of_block(&block)
}

// A module that has this function wants an engine with vectors, as all engines of components have.
#[cfg(target_family = "wasm")]
#[target_feature(enable = "simd128")]
fn of_block(block: &[u8; BLOCK]) -> Marks {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_eq, u8x16_splat, v128_load, v128_or};
    let mut marks = Marks::default();
    let (quarters, _) = block.as_chunks::<16>();
    for (quarter, shift) in quarters.iter().zip([0, 16, 32, 48]) {
        // SAFETY: sixteen bytes can be read, and no alignment is asked for.
        let bytes = unsafe { v128_load(quarter.as_ptr().cast()) };
        let is = |byte: u8| u8x16_eq(bytes, u8x16_splat(byte));
        let quoted = v128_or(is(b'"'), v128_or(is(b'\r'), is(b'\n')));
        marks.quoted |= u64::from(u8x16_bitmask(quoted)) << shift;
        marks.bare |= u64::from(u8x16_bitmask(v128_or(quoted, is(b',')))) << shift;
    }
    marks
}

#[cfg(not(target_family = "wasm"))]
fn of_block(block: &[u8; BLOCK]) -> Marks {
    let quoted = |byte: u8| (byte == b'"') | (byte == b'\r') | (byte == b'\n');
    Marks {
        quoted: bits(&block.map(|byte| u8::from(quoted(byte)))),
        bare: bits(&block.map(|byte| u8::from(quoted(byte) | (byte == b',')))),
    }
}

/// A bit for each byte that is 1 and not 0.
#[cfg(not(target_family = "wasm"))]
fn bits(flags: &[u8; BLOCK]) -> u64 {
    let (words, _) = flags.as_chunks::<8>();
    let bytes = words.iter().rev();
    // The product's highest byte holds the eight bits in their order; no two of them meet elsewhere.
    bytes.fold(0, |bits, word| {
        bits << 8 | u64::from_le_bytes(*word).wrapping_mul(0x0102_0408_1020_4080) >> 56
    })
}

/// The text that `bytes` begin with, up to what is no UTF-8.
pub(crate) fn text(bytes: &[u8]) -> &str {
    /// Bytes that are looked at together. No character is as long.
    const STRETCH: usize = 256;
    let mut valid = 0;
    while let Some(rest) = bytes.get(valid..).filter(|rest| !rest.is_empty()) {
        let stretch = rest.get(..STRETCH).unwrap_or(rest);
        if is_ascii(stretch) {
            valid += stretch.len();
            continue;
        }
        match str::from_utf8(stretch) {
            Ok(text) => valid += text.len(),
            // A character may go on behind the stretch.
            Err(error) if error.error_len().is_none() && stretch.len() < rest.len() => valid += error.valid_up_to(),
            Err(error) => {
                valid += error.valid_up_to();
                break;
            }
        }
    }
    let valid = bytes.get(..valid).unwrap_or_default();
    // SAFETY: it is made of texts, one after the other.
    unsafe { str::from_utf8_unchecked(valid) }
}

/// True where all bytes are ASCII.
#[cfg(target_family = "wasm")]
#[target_feature(enable = "simd128")]
fn is_ascii(bytes: &[u8]) -> bool {
    use core::arch::wasm32::{u8x16_bitmask, u8x16_splat, v128_load, v128_or};
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    let mut all = u8x16_splat(0);
    for block in blocks {
        for quarter in block.as_chunks::<16>().0 {
            // SAFETY: sixteen bytes can be read, and no alignment is asked for.
            all = v128_or(all, unsafe { v128_load(quarter.as_ptr().cast()) });
        }
    }
    u8x16_bitmask(all) == 0 && rest.is_ascii()
}

#[cfg(not(target_family = "wasm"))]
fn is_ascii(bytes: &[u8]) -> bool {
    bytes.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one_by_one(bytes: &[u8]) -> Marks {
        let bits = |ends: &[u8]| {
            (0..)
                .zip(bytes)
                .fold(0, |bits, (at, byte)| bits | u64::from(ends.contains(byte)) << at)
        };
        Marks {
            quoted: bits(b"\"\r\n"),
            bare: bits(b"\"\r\n,"),
        }
    }

    #[test]
    fn every_byte_is_a_mark_or_none_wherever_it_stands() {
        for (byte, place) in (0..=u8::MAX).flat_map(|byte| (0..BLOCK).map(move |place| (byte, place))) {
            for others in [0, b',', b'"', b'-', 0x80, 0xff] {
                let mut bytes = [others; BLOCK];
                bytes[place] = byte;
                assert_eq!(marks(&bytes), one_by_one(&bytes), "{bytes:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn marks_are_those_that_a_look_at_each_byte_finds(bytes in prop::collection::vec(prop_oneof![
            any::<u8>(), Just(b'"'), Just(b','), Just(b'\r'), Just(b'\n'),
        ], 0..=BLOCK)) {
            prop_assert_eq!(marks(&bytes), one_by_one(&bytes));
        }

        #[test]
        fn a_text_goes_up_to_what_is_none(good in "[a-z]{0,600}|\\PC{0,300}|[a-z]{0,300}\\PC{0,9}[a-z]{0,300}", bad in prop::collection::vec(any::<u8>(), 0..3)) {
            let bytes = [good.as_bytes(), &bad].concat();
            let valid = bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
            prop_assert_eq!(text(&bytes), valid);
        }
    }
}
