//! The switches about the audit log of the tenancy, and who may read it.

use crate::switch::Switch;
use crate::values::{Apply, flag, number, positive, switch, text};

/// The most events that ListEvents was ever seen to put on a page.
const LARGEST_PAGE: u64 = 20_000;

/// The switches about OCI.
pub(crate) const OCI: &[(Switch, Apply)] = &[
    (switch("tenancy", "OCID", "the tenancy"), |s, v| {
        text(v).map(|v| s.oci.tenancy = v)
    }),
    (switch("oci-user", "OCID", "the user with the API key"), |s, v| {
        text(v).map(|v| s.oci.user = v)
    }),
    (
        switch("fingerprint", "HEX", "the fingerprint of the API key, as 01:23:…"),
        |s, v| text(v).map(|v| s.oci.fingerprint = v),
    ),
    (
        switch(
            "api-key",
            "FILE",
            "the public half of the API key, PEM, for the demo user's own",
        ),
        |s, v| {
            let key = std::fs::read_to_string(v).map_err(|error| format!("cannot read `{v}`: {error}"))?;
            s.oci.public_key = key;
            Ok(())
        },
    ),
    (
        switch(
            "compartment",
            "OCID",
            "the compartment that holds the identity domain, for the tenancy's root",
        ),
        |s, v| text(v).map(|v| s.oci.compartment = Some(v)),
    ),
    (
        flag(
            "no-policy",
            "no policy lets the user read the audit log (404 NotAuthorizedOrNotFound)",
        ),
        |s, _| {
            s.oci.policy = false;
            Ok(())
        },
    ),
    (
        flag(
            "no-log-content",
            "no policy lets the user search logs, though events may be listed (404 NotAuthorizedOrNotFound)",
        ),
        |s, _| {
            s.oci.log_content = false;
            Ok(())
        },
    ),
    (
        switch(
            "api-calls",
            "N",
            "other API calls for each event of the identity domain",
        ),
        |s, v| {
            s.oci.api_calls = number::<u16>(v)?.into();
            Ok(())
        },
    ),
    (
        switch(
            "event-padding",
            "BYTES",
            "additionalDetails of OCI events hold so many bytes more",
        ),
        |s, v| number(v).map(|v| s.oci.padding = v),
    ),
    (
        switch(
            "events-page",
            "N",
            "the most events on a page of ListEvents, up to 20000",
        ),
        |s, v| match positive(v)? {
            events @ 1..=LARGEST_PAGE => {
                s.oci.page_size = usize::try_from(events).unwrap_or(1);
                Ok(())
            }
            _ => Err(format!("takes a number up to {LARGEST_PAGE}")),
        },
    ),
    (
        flag(
            "empty-pages",
            "before each page of OCI events comes an empty one with a token",
        ),
        |s, _| {
            s.oci.empty_pages = true;
            Ok(())
        },
    ),
    (
        flag(
            "events-repeat",
            "a page of OCI events begins with the last event of the one before",
        ),
        |s, _| {
            s.oci.repeats = true;
            Ok(())
        },
    ),
    (
        flag(
            "token-repeats",
            "from the second page of OCI events on, the token of the next page is that of the same",
        ),
        |s, _| {
            s.oci.token_repeats = true;
            Ok(())
        },
    ),
    (
        flag("strict-minutes", "ListEvents answers times with seconds with 400"),
        |s, _| {
            s.oci.strict_minutes = true;
            Ok(())
        },
    ),
    (
        switch("list-window", "DAYS", "ListEvents answers longer windows with 400"),
        |s, v| number(v).map(|v| s.oci.window_days = Some(v)),
    ),
    (
        switch(
            "clock-skew",
            "SECONDS",
            "the clock that signatures are held against is so far ahead of this machine's",
        ),
        |s, v| number::<i32>(v).map(|v| s.oci.clock_skew = v.into()),
    ),
    (
        switch("audit-retention", "DAYS", "how long OCI keeps events, 90 to 365"),
        |s, v| match number(v)? {
            days @ 90..=365 => {
                s.oci.retention_days = days;
                Ok(())
            }
            _ => Err("takes days from 90 to 365".to_owned()),
        },
    ),
];
