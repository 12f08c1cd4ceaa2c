//! The contents and the behaviour of the simulator. [`Scenario::default`] is a server in good order, quirks included;
//! [`Scenario::from_str`](std::str::FromStr) reads the switches that `docs/simulator.md` explains.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;

use super::csv_layout::CsvLayout;
use super::fault::Fault;
use super::oci::scenario::OciScenario;
use super::throttle::{LimitHeaders, RateLimit};

/// Everything that can be set. The defaults behave as the vendor's pages say.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The credentials that are let in.
    pub credentials: DemoCredentials,
    /// The seed of the data: the same seed, the same past.
    pub seed: u64,
    /// The simulator's clock; none for the real one.
    pub now: Option<Timestamp>,
    /// Failed logins, and as many successful ones, on every day.
    pub rows: u64,
    /// True where some of the names typed into the login form are made to hurt.
    pub hostile_names: bool,
    /// Bytes of filling in an additional CSV column; 0 for no such column.
    pub padding: usize,
    /// Every Nth CSV row cannot be read.
    pub bad_rows: Option<u64>,
    /// A report without rows is a file without bytes, and in an answer a text that says so.
    pub empty_reports: bool,
    /// The number of days that the identity domain keeps its data: 30 by default at the vendor's, 90 at most.
    pub retention_days: u16,
    /// The number of days back that the Invalid Login Report takes dates of; none for the vendor's 90.
    pub reach_days: Option<u16>,
    /// The hours by which the server's midnight is ahead of UTC's, where EPM Cloud cuts its days.
    pub day_zone_hours: i8,
    /// Every Nth audit event is stored between a minute and five hours after its time.
    pub stored_late: Option<u64>,
    /// True where a caller has the roles that reports need.
    pub authorized: bool,

    /// The layout of the Invalid Login Report.
    pub invalid_login: CsvLayout,
    /// The layout of the User Login Report, when it is a file.
    pub user_login: CsvLayout,
    /// The layout of the User Audit Report.
    pub user_audit: CsvLayout,
    /// The layout of the Role Assignment Audit Report.
    pub role_audit: CsvLayout,
    /// The layout of the Group Assignment Audit Report.
    pub group_audit: CsvLayout,
    /// The vocabulary of the Role Assignment Audit Report.
    pub role_words: RoleWords,
    /// Every Nth user has been deleted since, and is shown by display name where the report does so.
    pub deleted_users: Option<u64>,

    /// The number of times that a job answers "in progress" before it is done.
    pub slow_job: u64,
    /// For how long a job that writes a report answers so, however often it is asked.
    pub job_time: Duration,
    /// Jobs end with this status and text.
    pub fail_job: Option<Failure>,
    /// The request that should create a job answers with this status and text instead.
    pub refuse_job: Option<Failure>,
    /// The request that creates a job answers that it is done.
    pub done_at_once: bool,
    /// The style of the link to a job's status.
    pub status_link: LinkStyle,
    /// True where a job refuses the name of a file that is there already.
    pub refuse_duplicate_names: bool,
    /// True where a file in the inbox is found only under its full name, `inbox\NAME` or `inbox/NAME`.
    pub strict_names: bool,

    /// A leading space in links, `details` of the text `null`.
    pub quirks: bool,
    /// True where a job's status is a JSON string.
    pub string_status: bool,
    /// The other server that bad links and redirects lead to.
    pub elsewhere: String,
    /// The beginning of links; none for what the caller asked for in `Host`.
    pub public_url: Option<String>,
    /// A path that everything lies under, such as `/gateway`.
    pub prefix: String,
    /// The archive that the User Audit Report comes in.
    pub archive: ArchiveStyle,
    /// The name of the User Audit Report's file.
    pub archive_name: ArchiveName,
    /// True where the User Login Report, when it is a file, comes in a ZIP.
    pub zip_user_login: bool,
    /// The answer to a request for the rest of a download.
    pub ranges: Ranges,
    /// The style of the link to a finished download.
    pub download_link: LinkStyle,
    /// The style of the link to the next page.
    pub next_link: LinkStyle,
    /// Endpoints that this server does not have.
    pub without: Vec<Absent>,
    /// The way `AuditEvents` goes from page to page.
    pub paging: Paging,
    /// The token endpoint.
    pub oauth: OAuth,
    /// The tenancy, its audit log, and who may read it.
    pub oci: OciScenario,

    /// The time that every answer waits.
    pub latency: Duration,
    /// The number of requests that are taken, and how often.
    pub rate_limit: Option<RateLimit>,
    /// The headers that tell the limit.
    pub limit_headers: LimitHeaders,
    /// The `Retry-After` header of answers with 429 and 503.
    pub retry_after: Option<String>,
    /// The pause between two bytes of a dripping body.
    pub drip_interval: Duration,
    /// Faults, and where they happen; the first that fits a request is taken.
    pub faults: Vec<Fault>,
    /// The flaw of the certificate.
    pub certificate: CertificateFlaw,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            credentials: DemoCredentials::default(),
            seed: 1,
            now: None,
            rows: 6,
            hostile_names: true,
            padding: 0,
            bad_rows: None,
            empty_reports: false,
            retention_days: 90,
            reach_days: None,
            day_zone_hours: 0,
            stored_late: None,
            authorized: true,
            invalid_login: CsvLayout::invalid_login(),
            user_login: CsvLayout::user_login(),
            user_audit: CsvLayout::user_audit(),
            role_audit: CsvLayout::role_audit(),
            group_audit: CsvLayout::group_audit(),
            role_words: RoleWords::New,
            deleted_users: None,
            slow_job: 1,
            job_time: Duration::ZERO,
            fail_job: None,
            refuse_job: None,
            done_at_once: false,
            status_link: LinkStyle::Plain,
            refuse_duplicate_names: false,
            strict_names: false,
            quirks: true,
            string_status: false,
            elsewhere: "http://192.0.2.1".to_owned(),
            public_url: None,
            prefix: String::new(),
            archive: ArchiveStyle::Zip,
            archive_name: ArchiveName::Asked,
            zip_user_login: false,
            ranges: Ranges::None,
            download_link: LinkStyle::Plain,
            next_link: LinkStyle::Plain,
            without: Vec::new(),
            paging: Paging::default(),
            oauth: OAuth::default(),
            oci: OciScenario::default(),
            latency: Duration::ZERO,
            rate_limit: None,
            limit_headers: LimitHeaders::None,
            retry_after: None,
            drip_interval: Duration::from_secs(1),
            faults: Vec::new(),
            certificate: CertificateFlaw::None,
        }
    }
}

/// The name, password and token that callers identify themselves with.
#[derive(Clone)]
pub struct DemoCredentials {
    /// The user that Basic authentication expects, as it is or as `DOMAIN.USER`.
    pub user: String,
    /// The user's password.
    pub password: String,
    /// A bearer token that is accepted, besides those that the token endpoint gives out.
    pub token: String,
}

impl Default for DemoCredentials {
    fn default() -> Self {
        Self {
            user: "demo.user".to_owned(),
            password: "demo-password".to_owned(),
            token: "demo-token".to_owned(),
        }
    }
}

impl fmt::Debug for DemoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// The way a failed job says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Any number above 0.
    pub status: i64,
    /// The text in `details`; none for the one that fits the report.
    pub text: Option<String>,
}

/// The style of a link to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkStyle {
    /// As it should be; with the leading space that the vendor's pages show, where quirks are on.
    Plain,
    /// Without scheme and host.
    Relative,
    /// Not there.
    Missing,
    /// At [`Scenario::elsewhere`].
    Elsewhere,
    /// At [`Scenario::elsewhere`], with this server's name in front of an `@`.
    Userinfo,
    /// Over `http` where this server speaks TLS.
    Downgrade,
    /// Not a URL.
    Broken,
}

/// The archive that a report comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveStyle {
    /// A ZIP that holds the CSV file.
    Zip,
    /// No archive: the CSV file itself.
    Bare,
    /// A ZIP that unpacks to a thousand times its size.
    Bomb,
    /// A ZIP in a ZIP.
    Nested,
    /// A ZIP whose entry says that it is encrypted.
    Encrypted,
    /// A ZIP whose entry is called `../../../../tmp/NAME`.
    Slip,
    /// A ZIP whose entry is a link to `/etc/passwd`.
    Symlink,
    /// A ZIP of 65,000 entries.
    ManyEntries,
    /// A ZIP with a wrong checksum.
    WrongCrc,
    /// A ZIP with two CSV files.
    TwoCsvs,
    /// A ZIP with a text file only.
    NoCsv,
    /// A ZIP with nothing in it.
    NoEntry,
    /// A ZIP whose entry is called `inbox\\NAME`.
    Backslash,
    /// A small ZIP with ZIP64 end records.
    Zip64,
    /// The first half of a ZIP.
    Truncated,
}

/// The name of a User Audit Report's file. The vendor does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArchiveName {
    /// The name as it was asked for.
    Asked,
    /// With `.zip` behind.
    Appended,
    /// With `.zip` for its extension.
    Replaced,
    /// A name of the server's own, which the finished job tells.
    Job,
}

/// The answer to a request for the rest of a download.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// No: a range is ignored.
    None,
    /// Yes, with an entity tag that stays.
    Steady,
    /// Yes, but the entity tag is another one every time, so `If-Range` never holds.
    Changing,
    /// A range is answered with 206 and another one.
    Wrong,
}

/// The words of the Role Assignment Audit Report, which the vendor has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoleWords {
    /// Five columns, without the type of who has the role; `Planner` for what is now `User`; `Assign` and `Unassign`.
    Old,
    /// Six columns; `Assigned` and `Unassigned`.
    New,
}

/// Endpoints that older or younger servers do not have: 404.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absent {
    /// Download, version 1.
    DownloadV1,
    /// Download, version 2.
    DownloadV2,
    /// List Files, version 1.
    ListV1,
    /// List Files, version 2.
    ListV2,
    /// Delete Files, version 3.
    DeleteV3,
    /// The User Login Report.
    UserLogin,
    /// The Role Assignment Audit Report.
    RoleAudit,
    /// The Group Assignment Audit Report.
    GroupAudit,
    /// ListEvents of OCI Audit.
    ListEvents,
    /// The search of OCI Logging.
    LogSearch,
}

impl Absent {
    /// True where a request to this path, below the prefix, is for it.
    pub(super) fn covers(self, method: &str, path: &str) -> bool {
        match self {
            Self::DownloadV1 => path.contains("/applicationsnapshots/") && path.ends_with("/contents"),
            Self::DownloadV2 => path.ends_with("/v2/files/download"),
            Self::ListV1 => method == "GET" && path.ends_with("/applicationsnapshots"),
            Self::ListV2 => path.ends_with("/v2/files/list"),
            Self::DeleteV3 => path.ends_with("/v3/files/delete"),
            Self::UserLogin => path.ends_with("/userloginreport"),
            Self::RoleAudit => path.ends_with("/roleassignmentauditreport"),
            Self::GroupAudit => path.ends_with("/reports/groupaudit"),
            Self::ListEvents => path.ends_with("/20190901/auditEvents"),
            Self::LogSearch => path.ends_with("/20190909/search"),
        }
    }
}

/// The way `AuditEvents` goes from page to page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paging {
    /// The most resources on a page.
    pub max_count: u64,
    /// The number of answers that are kept as they are, and sent again when the same is asked for.
    pub keep: u64,
    /// The behaviour of `totalResults` from page to page.
    pub totals: Totals,
    /// A page holds only half of what was asked for.
    pub short_pages: bool,
    /// `itemsPerPage` is always 7.
    pub lies: bool,
    /// A page begins with the last resource of the one before.
    pub repeats: bool,
    /// A page leaves one resource in the middle out.
    pub gaps: bool,
    /// Every query is answered with an empty list.
    pub silent: bool,
    /// The time from which on nothing that happened is there.
    pub silent_since: Option<Timestamp>,
    /// The time after which nothing is stored, whenever it happened.
    pub stores_until: Option<Timestamp>,
    /// `sortBy` is answered with 400.
    pub refuse_sort: bool,
    /// A filter that speaks of `eventId` is answered with 400.
    pub refuse_event_id: bool,
    /// A query without filter is answered with 405.
    pub filter_required: bool,
}

impl Default for Paging {
    fn default() -> Self {
        Self {
            max_count: 1000,
            keep: 0,
            totals: Totals::Steady,
            short_pages: false,
            lies: false,
            repeats: false,
            gaps: false,
            silent: false,
            silent_since: None,
            stores_until: None,
            refuse_sort: false,
            refuse_event_id: false,
            filter_required: false,
        }
    }
}

/// The behaviour of `totalResults` from page to page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Totals {
    /// A number that is the same on every page.
    Steady,
    /// One more with every page.
    Growing,
    /// One less with every page.
    Shrinking,
    /// The number of resources that the page holds.
    Page,
    /// 0.
    Zero,
    /// Seven more than there are.
    Larger,
}

/// The token endpoint.
#[derive(Clone)]
pub struct OAuth {
    /// The one client it knows.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: String,
    /// The RSA key, PEM, that the client's assertions are checked with; none where it takes none.
    pub public_key: Option<String>,
    /// The `kid` or `x5t` that assertions must carry; none for any.
    pub key_id: Option<String>,
    /// A refresh token that is good from the start.
    pub refresh_token: String,
    /// Seconds until an access token ends.
    pub token_life: u64,
    /// The number of times that an access token may be used; none for as often as one likes.
    pub token_uses: Option<u64>,
    /// The number of times that a device code is pending.
    pub device_polls: u64,
    /// The seconds that a device is told to wait between two polls.
    pub device_interval: u64,
    /// The user refuses the device.
    pub device_denied: bool,
}

impl Default for OAuth {
    fn default() -> Self {
        Self {
            client_id: "demo-client".to_owned(),
            client_secret: "demo-secret".to_owned(),
            public_key: None,
            key_id: None,
            refresh_token: "demo-refresh".to_owned(),
            token_life: 3600,
            token_uses: None,
            device_polls: 1,
            device_interval: 1,
            device_denied: false,
        }
    }
}

impl fmt::Debug for OAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuth")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

/// The flaw in the certificate of a simulator that speaks TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateFlaw {
    /// No flaw: the certificate is signed by the simulator's own authority.
    None,
    /// A certificate for `wrong.example` only.
    WrongName,
    /// A certificate that ended in 2020.
    Expired,
}
