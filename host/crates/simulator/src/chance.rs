//! Numbers that look random and are not: the same words give the same number on every machine and every run.

/// Mixes words into one number (SplitMix64's finaliser, folded over the words).
pub(super) fn mix(words: &[u64]) -> u64 {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for word in words {
        state = finalise(state ^ word.wrapping_mul(0xD6E8_FEB8_6659_FD93)).wrapping_add(0x9E37_79B9_7F4A_7C15);
    }
    finalise(state)
}

fn finalise(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The text as one word, for [`mix`].
pub(super) fn word(text: &str) -> u64 {
    text.bytes().fold(0xCBF2_9CE4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// One of the items, chosen by `number`; `fallback` where there are none.
pub(super) fn pick<T: Copy>(items: &[T], number: u64, fallback: T) -> T {
    let count = u64::try_from(items.len()).unwrap_or(u64::MAX).max(1);
    usize::try_from(number % count)
        .ok()
        .and_then(|index| items.get(index))
        .copied()
        .unwrap_or(fallback)
}

/// 32 hexadecimal digits that depend on nothing but the words.
pub(super) fn hex32(words: &[u64]) -> String {
    let high = mix(words);
    format!("{high:016x}{:016x}", mix(&[high, 1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_same_on_every_machine() {
        assert_eq!(mix(&[1, 2, 3]), mix(&[1, 2, 3]));
        assert_ne!(mix(&[1, 2, 3]), mix(&[1, 3, 2]));
        assert_ne!(mix(&[1]), mix(&[1, 0]));
    }

    #[test]
    fn a_choice_stays_inside_the_list() {
        assert_eq!(pick(&[1, 2, 3], u64::MAX, 0), 1 + i32::try_from(u64::MAX % 3).unwrap());
        assert_eq!(pick::<u8>(&[], 5, 9), 9);
    }
}
