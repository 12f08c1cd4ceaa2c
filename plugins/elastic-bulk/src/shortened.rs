/// A long text in so many bytes: its beginning, and a hash of all of it.
pub fn shortened(text: &str, bytes: usize) -> String {
    // FNV-1a, 128 bits.
    let hash = text
        .bytes()
        .fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
        });
    let kept = text
        .get(..text.floor_char_boundary(bytes.saturating_sub(33)))
        .unwrap_or_default();
    format!("{kept}-{hash:032x}")
}
