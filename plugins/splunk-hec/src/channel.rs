//! The channel that requests go over: a UUID that the client chooses, and that a token with acknowledgement demands.

/// The channel of a sink that names none: a UUID of version 8 (RFC 9562) made of its configuration, so that it is the same
/// whenever the sink is opened. Acknowledgements are counted by token and channel, and two senders of one channel are given
/// different numbers.
pub fn of(config: &str) -> String {
    // FNV-1a, 128 bits.
    let hash = config
        .bytes()
        .fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        });
    let (version, variant) = (0xf << 76, 0b11 << 62);
    let uuid = hash & !version & !variant | 8 << 76 | 0b10 << 62;
    format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        uuid >> 96,
        uuid >> 80 & 0xffff,
        uuid >> 64 & 0xffff,
        uuid >> 48 & 0xffff,
        uuid & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_a_uuid_and_the_same_for_the_same_configuration() {
        for config in ["", "{}", r#"{"index":"identity"}"#, "é"] {
            let channel = of(config);
            let lengths: Vec<usize> = channel.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{channel}");
            assert!(channel.chars().all(|c| c == '-' || c.is_ascii_hexdigit()));
            assert_eq!(&channel[14..15], "8");
            assert!("89ab".contains(&channel[19..20]));
            assert_eq!(of(config), channel);
        }
        assert_ne!(of("{}"), of(r#"{"index":"identity"}"#));
    }
}
