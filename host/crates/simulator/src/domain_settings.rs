//! The switches about an identity domain: `AuditEvents`, pages and tokens.

use jiff::Timestamp;

use super::scenario::Totals;
use super::switch::Switch;
use super::values::{Apply, flag, link, number, one_of, positive, switch, text};

/// The switches about pages.
pub(super) const PAGES: &[(Switch, Apply)] = &[
    (
        switch(
            "next-link",
            "STYLE",
            "how the link to the next page is written, as for status-link",
        ),
        |s, v| link(v).map(|v| s.next_link = v),
    ),
    (
        switch("max-count", "N", "the most resources on a page of AuditEvents"),
        |s, v| positive(v).map(|v| s.paging.max_count = v),
    ),
    (
        switch(
            "keep-pages",
            "N",
            "the first N pages of AuditEvents are made once and kept",
        ),
        |s, v| positive(v).map(|v| s.paging.keep = v),
    ),
    (
        switch(
            "totals",
            "KIND",
            "totalResults from page to page: steady, growing, shrinking, page (its size), zero or larger",
        ),
        |s, v| {
            let kinds = [
                ("steady", Totals::Steady),
                ("growing", Totals::Growing),
                ("shrinking", Totals::Shrinking),
                ("page", Totals::Page),
                ("zero", Totals::Zero),
                ("larger", Totals::Larger),
            ];
            one_of(v, &kinds).map(|v| s.paging.totals = v)
        },
    ),
    (
        flag("short-pages", "a page holds half of what was asked for"),
        |s, _| {
            s.paging.short_pages = true;
            Ok(())
        },
    ),
    (flag("page-lies", "itemsPerPage is always 7"), |s, _| {
        s.paging.lies = true;
        Ok(())
    }),
    (
        flag("repeats", "a page begins with the last resource of the one before"),
        |s, _| {
            s.paging.repeats = true;
            Ok(())
        },
    ),
    (flag("gaps", "a page leaves one resource out"), |s, _| {
        s.paging.gaps = true;
        Ok(())
    }),
    (flag("silent", "AuditEvents is empty, and says so with 200"), |s, _| {
        s.paging.silent = true;
        Ok(())
    }),
    (
        switch(
            "silent-since",
            "TIME",
            "AuditEvents knows nothing that happened at this time or later",
        ),
        |s, v| time(v).map(|v| s.paging.silent_since = Some(v)),
    ),
    (
        switch(
            "stores-until",
            "TIME",
            "AuditEvents stores nothing after this time, not even what happened before and is stored late",
        ),
        |s, v| time(v).map(|v| s.paging.stores_until = Some(v)),
    ),
    (flag("refuse-sort", "AuditEvents answers sortBy with 400"), |s, _| {
        s.paging.refuse_sort = true;
        Ok(())
    }),
    (
        flag(
            "refuse-event-id",
            "AuditEvents answers a filter that speaks of eventId with 400",
        ),
        |s, _| {
            s.paging.refuse_event_id = true;
            Ok(())
        },
    ),
    (
        flag("filter-required", "AuditEvents answers a query without filter with 405"),
        |s, _| {
            s.paging.filter_required = true;
            Ok(())
        },
    ),
];

fn time(text: &str) -> Result<Timestamp, String> {
    text.parse()
        .map_err(|_| "takes a time such as 2025-07-03T12:00:00Z".to_owned())
}

/// The switches about the token endpoint.
pub(super) const TOKENS: &[(Switch, Apply)] = &[
    (
        switch("client", "ID", "the client that the token endpoint knows"),
        |s, v| text(v).map(|v| s.oauth.client_id = v),
    ),
    (switch("client-secret", "TEXT", "that client's secret"), |s, v| {
        text(v).map(|v| s.oauth.client_secret = v)
    }),
    (
        switch(
            "client-key",
            "FILE",
            "the RSA public key, PEM, that the client's assertions are checked with",
        ),
        |s, v| {
            let key = std::fs::read_to_string(v).map_err(|error| format!("cannot read `{v}`: {error}"))?;
            s.oauth.public_key = Some(key);
            Ok(())
        },
    ),
    (
        switch("key-id", "ID", "the kid or x5t that assertions must carry"),
        |s, v| text(v).map(|v| s.oauth.key_id = Some(v)),
    ),
    (
        switch("refresh-token", "TEXT", "a refresh token that is good from the start"),
        |s, v| text(v).map(|v| s.oauth.refresh_token = v),
    ),
    (switch("token-life", "SECONDS", "until an access token ends"), |s, v| {
        number(v).map(|v| s.oauth.token_life = v)
    }),
    (
        switch("token-uses", "N", "how often an access token may be used"),
        |s, v| positive(v).map(|v| s.oauth.token_uses = Some(v)),
    ),
    (
        switch("device-polls", "N", "how often a device code is pending"),
        |s, v| number(v).map(|v| s.oauth.device_polls = v),
    ),
    (
        switch(
            "device-interval",
            "SECONDS",
            "what a device is told to wait between two polls",
        ),
        |s, v| number(v).map(|v| s.oauth.device_interval = v),
    ),
    (flag("device-denied", "the user refuses the device"), |s, _| {
        s.oauth.device_denied = true;
        Ok(())
    }),
];
