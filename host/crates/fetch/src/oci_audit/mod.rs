//! OCI Audit: [`audit_log`] asks for the newest event of an identity domain there, and [`logged_event`] reads it. Its lists are read
//! by [`crate::pages`].

pub(crate) mod audit_log;
mod logged_event;
