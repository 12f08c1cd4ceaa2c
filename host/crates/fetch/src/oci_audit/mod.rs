//! OCI Audit: [`audit_log`] asks for the newest event of an identity domain there. Its lists are read by [`crate::pages`].

pub(crate) mod audit_log;
