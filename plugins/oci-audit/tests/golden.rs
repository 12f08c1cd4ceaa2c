//! The cases beside this file.

#[test]
fn every_document_gives_the_expected_events() {
    plugin_sdk::golden::check::<oci_audit::OciAudit>(env!("CARGO_MANIFEST_DIR"));
}
