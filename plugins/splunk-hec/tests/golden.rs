//! The cases beside this file.

#[test]
fn every_payload_gives_the_expected_deliveries() {
    plugin_sdk::golden::check_sink::<splunk_hec::SplunkHec>(env!("CARGO_MANIFEST_DIR"));
}
