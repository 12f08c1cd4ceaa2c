//! Secrets where OCI leaves them in events. Each holds [`OCI_CANARY`], so that a search for it finds whatever got through.

/// The text in every secret that an event of the audit log holds.
pub const OCI_CANARY: &str = "canary-4e7b-oci";

/// A bearer token as old events hold it whole.
pub(super) fn session_token() -> String {
    format!("ST$eyJraWQiOiJhc3dfb2MxX3NpbSIsImFsZyI6IlJTMjU2In0.{OCI_CANARY}-session.c2lnbmF0dXJl")
}

/// The `Authorization` of a signed request.
pub(super) fn signature() -> String {
    format!(
        "Signature keyId=\"{}\",version=\"1\",algorithm=\"rsa-sha256\",headers=\"(request-target) host content-length \
         content-type opc-request-id x-date\",signature=\"{OCI_CANARY}-signature\"",
        session_token()
    )
}

/// The principal that one service tells the next, claims and all.
pub(super) fn principal(tenancy: &str) -> String {
    format!(
        "{{\"tenantId\":\"{tenancy}\",\"subjectId\":\"ocid1.user.oc1..simulator\",\"claims\":[{{\"key\":\"h_Authorization\",\
         \"value\":\"{OCI_CANARY}-principal\",\"issuer\":\"h\"}}]}}"
    )
}

/// A header of the load balancers in front of OCI's services.
pub(super) fn metadata() -> String {
    format!("{OCI_CANARY}-metadata")
}
