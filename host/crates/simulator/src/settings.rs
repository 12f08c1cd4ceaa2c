//! The switches about callers, the data, jobs, files and connections.

use std::time::Duration;

use super::csv_layout::{CsvLayout, Preamble, TimeStyle};
use super::real_world;
use super::scenario::{Absent, ArchiveName, ArchiveStyle, CertificateFlaw, Failure, Ranges, RoleWords};
use super::switch::Switch;
use super::throttle::LimitHeaders;
use super::values::{Apply, failure, flag, link, millis, number, one_of, optional, positive, switch, text};

/// The switches about callers, data, jobs and the way there.
pub(super) const SETTINGS: &[(Switch, Apply)] = &[
    (
        switch("user", "NAME", "the user that Basic authentication expects"),
        |s, v| text(v).map(|v| s.credentials.user = v),
    ),
    (switch("password", "TEXT", "that user's password"), |s, v| {
        text(v).map(|v| s.credentials.password = v)
    }),
    (switch("token", "TEXT", "a bearer token that is accepted"), |s, v| {
        text(v).map(|v| s.credentials.token = v)
    }),
    (switch("seed", "N", "another past"), |s, v| {
        number(v).map(|v| s.seed = v)
    }),
    (
        switch(
            "real-world",
            "SEED",
            "several habits of real servers at once, drawn from this seed",
        ),
        |s, v| real_world::turn(s, number(v)?),
    ),
    (
        switch("now", "TIME", "the simulator's clock stands at this RFC 3339 time"),
        |s, v| {
            v.parse()
                .map(|time| s.now = Some(time))
                .map_err(|_| "takes a time such as 2025-07-03T12:00:00Z".to_owned())
        },
    ),
    (
        switch("rows", "N", "failed logins, and as many successful ones, on every day"),
        |s, v| number(v).map(|v| s.rows = v),
    ),
    (flag("plain-names", "no hostile user names"), |s, _| {
        s.hostile_names = false;
        Ok(())
    }),
    (
        flag(
            "empty-reports",
            "a report without rows is a file without bytes, or an answer that says so in words",
        ),
        |s, _| {
            s.empty_reports = true;
            Ok(())
        },
    ),
    (
        switch("padding", "BYTES", "an additional CSV column of so many bytes"),
        |s, v| number(v).map(|v| s.padding = v),
    ),
    (switch("bad-rows", "N", "every Nth CSV row cannot be read"), |s, v| {
        positive(v).map(|v| s.bad_rows = Some(v))
    }),
    (
        switch("retention", "DAYS", "how far back the identity domain's data reaches"),
        |s, v| number(v).map(|v| s.retention_days = v),
    ),
    (
        switch("reach", "DAYS", "how far back the Invalid Login Report takes dates"),
        |s, v| number(v).map(|v| s.reach_days = Some(v)),
    ),
    (
        switch("day-zone", "HOURS", "EPM Cloud's days begin so many hours before UTC's"),
        |s, v| match number::<i8>(v)? {
            hours @ -12..=14 => {
                s.day_zone_hours = hours;
                Ok(())
            }
            _ => Err("takes hours from -12 to 14".to_owned()),
        },
    ),
    (
        switch(
            "stored-late",
            "N",
            "every Nth audit event is stored a minute to five hours late",
        ),
        |s, v| positive(v).map(|v| s.stored_late = Some(v)),
    ),
    (
        switch(
            "role-words",
            "WORDS",
            "old or new: the columns and words of the Role Assignment Audit Report",
        ),
        |s, v| {
            s.role_words = one_of(v, &[("old", RoleWords::Old), ("new", RoleWords::New)])?;
            let (old, new) = (CsvLayout::old_role_audit(), CsvLayout::role_audit());
            let columns = if s.role_words == RoleWords::Old { old } else { new }.columns;
            s.role_audit.columns = columns;
            Ok(())
        },
    ),
    (
        switch(
            "deleted-users",
            "N",
            "every Nth user has been deleted since: by display name where a predefined role was theirs",
        ),
        |s, v| positive(v).map(|v| s.deleted_users = Some(v)),
    ),
    (
        flag("no-role", "the caller lacks the roles that reports need (EPMCSS-21192)"),
        |s, _| {
            s.authorized = false;
            Ok(())
        },
    ),
    (switch("slow-job", "N", "a job is in progress for N polls"), |s, v| {
        number(v).map(|v| s.slow_job = v)
    }),
    (
        switch("job-time", "SECONDS", "before its polls count, a job takes so long"),
        |s, v| number::<u32>(v).map(|v| s.job_time = Duration::from_secs(v.into())),
    ),
    (
        optional("fail-job", "STATUS", "a job ends with this status, 1 if not said"),
        |s, v| failure(v, s.fail_job.take()).map(|v| s.fail_job = Some(v)),
    ),
    (
        switch(
            "fail-text",
            "TEXT",
            "what a failed job says, with `fail-job` or `refuse-job`",
        ),
        |s, v| {
            let text = Some(text(v)?);
            match (&mut s.fail_job, &mut s.refuse_job) {
                (None, None) => s.fail_job = Some(Failure { status: 1, text }),
                (job, refusal) => [job, refusal]
                    .into_iter()
                    .flatten()
                    .for_each(|failure| failure.text.clone_from(&text)),
            }
            Ok(())
        },
    ),
    (
        optional(
            "refuse-job",
            "STATUS",
            "the request that creates a job fails with this status, 1 if not said",
        ),
        |s, v| failure(v, s.refuse_job.take()).map(|v| s.refuse_job = Some(v)),
    ),
    (
        flag("done-at-once", "the request that creates a job answers that it is done"),
        |s, _| {
            s.done_at_once = true;
            Ok(())
        },
    ),
    (
        switch(
            "status-link",
            "STYLE",
            "plain, relative, missing, elsewhere, userinfo, downgrade or broken",
        ),
        |s, v| link(v).map(|v| s.status_link = v),
    ),
    (
        flag(
            "refuse-duplicate-names",
            "a job refuses the name of a file that is there (EPMCSS-20685)",
        ),
        |s, _| {
            s.refuse_duplicate_names = true;
            Ok(())
        },
    ),
    (
        flag(
            "strict-names",
            "a file in the inbox is found only as inbox\\NAME or inbox/NAME",
        ),
        |s, _| {
            s.strict_names = true;
            Ok(())
        },
    ),
    (
        flag("no-quirks", "no leading space in links, no `details` of the text null"),
        |s, _| {
            s.quirks = false;
            Ok(())
        },
    ),
    (flag("string-status", "a job's status is a JSON string"), |s, _| {
        s.string_status = true;
        Ok(())
    }),
    (
        switch(
            "elsewhere",
            "URL",
            "the other server that bad links and redirects lead to",
        ),
        |s, v| text(v).map(|v| s.elsewhere = v.trim_end_matches('/').to_owned()),
    ),
    (
        switch("public-url", "URL", "what links begin with, behind a proxy"),
        |s, v| text(v).map(|v| s.public_url = Some(v.trim_end_matches('/').to_owned())),
    ),
    (switch("prefix", "PATH", "a path that everything lies under"), |s, v| {
        let path = v.trim_matches('/');
        if path.is_empty() || !path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_./".contains(&b)) {
            return Err("takes a path such as /gateway".to_owned());
        }
        s.prefix = format!("/{path}");
        Ok(())
    }),
    (switch("latency", "MS", "every answer waits so long"), |s, v| {
        millis(v).map(|v| s.latency = v)
    }),
    (
        switch(
            "rate-limit",
            "N/TIME",
            "429 for the rest of each 60s, or whatever TIME is, once N requests came in it",
        ),
        |s, v| v.parse().map(|v| s.rate_limit = Some(v)),
    ),
    (
        switch(
            "limit-headers",
            "KIND",
            "none, retry-after, fields, x-fields or structured: how the rate limit is told",
        ),
        |s, v| one_of(v, &LimitHeaders::ALL).map(|v| s.limit_headers = v),
    ),
    (
        switch(
            "retry-after",
            "VALUE",
            "the Retry-After header of answers with 429 and 503",
        ),
        |s, v| text(v).map(|v| s.retry_after = Some(v)),
    ),
    (
        switch("drip-interval", "MS", "the pause between two bytes of a dripping body"),
        |s, v| millis(v).map(|v| s.drip_interval = v),
    ),
    (
        switch("certificate", "FLAW", "wrong-name or expired, with TLS"),
        |s, v| {
            s.certificate = one_of(
                v,
                &[
                    ("wrong-name", CertificateFlaw::WrongName),
                    ("expired", CertificateFlaw::Expired),
                ],
            )?;
            Ok(())
        },
    ),
];

/// The effect of a switch on how a CSV file is written.
pub(super) type ApplyLayout = fn(&mut CsvLayout, &str) -> Result<(), String>;

/// The switches about a CSV file. `REPORT:` in front means one report only.
pub(super) const LAYOUTS: &[(Switch, ApplyLayout)] = &[
    (
        switch("header", "USER|ADDRESS|TIME", "the header of the CSV file"),
        |layout, v| {
            let (columns, wanted): (Vec<String>, _) = (v.split('|').map(str::to_owned).collect(), layout.columns.len());
            if columns.len() != wanted {
                return Err(format!("takes {wanted} names with | between them"));
            }
            layout.columns = columns;
            Ok(())
        },
    ),
    (
        switch(
            "preamble",
            "KIND",
            "none, bom, newline or comma: what stands before the header",
        ),
        |layout, v| {
            layout.preamble = one_of(
                v,
                &[
                    ("none", Preamble::None),
                    ("bom", Preamble::Bom),
                    ("newline", Preamble::Newline),
                    ("comma", Preamble::Comma),
                ],
            )?;
            Ok(())
        },
    ),
    (
        switch(
            "time",
            "STYLE",
            "words, iso, space, slash or epoch: how a CSV file writes times",
        ),
        |layout, v| {
            layout.time = one_of(
                v,
                &[
                    ("words", TimeStyle::Words),
                    ("iso", TimeStyle::Iso),
                    ("space", TimeStyle::Space),
                    ("slash", TimeStyle::Slash),
                    ("epoch", TimeStyle::Epoch),
                ],
            )?;
            Ok(())
        },
    ),
    (flag("crlf", "lines of the CSV file end in CR LF"), |layout, _| {
        layout.crlf = true;
        Ok(())
    }),
];

const ARCHIVES: [(&str, ArchiveStyle); 15] = [
    ("zip", ArchiveStyle::Zip),
    ("bare", ArchiveStyle::Bare),
    ("bomb", ArchiveStyle::Bomb),
    ("nested", ArchiveStyle::Nested),
    ("encrypted", ArchiveStyle::Encrypted),
    ("slip", ArchiveStyle::Slip),
    ("symlink", ArchiveStyle::Symlink),
    ("many-entries", ArchiveStyle::ManyEntries),
    ("wrong-crc", ArchiveStyle::WrongCrc),
    ("two-csvs", ArchiveStyle::TwoCsvs),
    ("no-csv", ArchiveStyle::NoCsv),
    ("no-entry", ArchiveStyle::NoEntry),
    ("backslash", ArchiveStyle::Backslash),
    ("zip64", ArchiveStyle::Zip64),
    ("truncated", ArchiveStyle::Truncated),
];

const ABSENT: [(&str, Absent); 10] = [
    ("download-v1", Absent::DownloadV1),
    ("download-v2", Absent::DownloadV2),
    ("list-v1", Absent::ListV1),
    ("list-v2", Absent::ListV2),
    ("delete-v3", Absent::DeleteV3),
    ("user-login", Absent::UserLogin),
    ("role-audit", Absent::RoleAudit),
    ("group-audit", Absent::GroupAudit),
    ("list-events", Absent::ListEvents),
    ("log-search", Absent::LogSearch),
];

/// The switches about what files come in, and how they are downloaded.
pub(super) const FILES: &[(Switch, Apply)] = &[
    (
        switch(
            "archive",
            "STYLE",
            "what the User Audit Report comes in: zip, bare, bomb, nested, encrypted, slip, symlink, many-entries, \
             wrong-crc, two-csvs, no-csv, no-entry, backslash, zip64 or truncated",
        ),
        |s, v| one_of(v, &ARCHIVES).map(|v| s.archive = v),
    ),
    (
        switch(
            "archive-name",
            "STYLE",
            "asked, appended, replaced or job: what the User Audit Report's file is called",
        ),
        |s, v| {
            s.archive_name = one_of(
                v,
                &[
                    ("asked", ArchiveName::Asked),
                    ("appended", ArchiveName::Appended),
                    ("replaced", ArchiveName::Replaced),
                    ("job", ArchiveName::Job),
                ],
            )?;
            Ok(())
        },
    ),
    (
        flag(
            "zip-user-login",
            "the User Login Report, when it is a file, comes in a ZIP",
        ),
        |s, _| {
            s.zip_user_login = true;
            Ok(())
        },
    ),
    (
        switch(
            "ranges",
            "KIND",
            "none, steady, changing or wrong: whether downloads can be taken up in the middle",
        ),
        |s, v| {
            s.ranges = one_of(
                v,
                &[
                    ("none", Ranges::None),
                    ("steady", Ranges::Steady),
                    ("changing", Ranges::Changing),
                    ("wrong", Ranges::Wrong),
                ],
            )?;
            Ok(())
        },
    ),
    (
        switch(
            "download-link",
            "STYLE",
            "how the link to a finished download is written, as for status-link",
        ),
        |s, v| link(v).map(|v| s.download_link = v),
    ),
    (
        switch(
            "without",
            "API",
            "404 for download-v1, download-v2, list-v1, list-v2, delete-v3, user-login, role-audit, group-audit, \
             list-events or log-search; may be repeated",
        ),
        |s, v| one_of(v, &ABSENT).map(|v| s.without.push(v)),
    ),
];
