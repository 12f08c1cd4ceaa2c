//! The cases beside this file.

#[test]
fn every_document_gives_the_expected_events() {
    plugin_sdk::golden::check::<invalid_login::InvalidLogin>(env!("CARGO_MANIFEST_DIR"));
}
