use super::demo_user::{FINGERPRINT, OciDemoUser, PUBLIC_KEY, TENANCY, USER};

/// The tenancy, its audit log, and who may read it.
#[derive(Clone, Debug)]
pub struct OciScenario {
    /// The tenancy's OCID.
    pub tenancy: String,
    /// The OCID of the user with the API key.
    pub user: String,
    /// The key's fingerprint.
    pub fingerprint: String,
    /// The key's public half, PEM.
    pub public_key: String,
    /// The OCID of the compartment that holds the identity domain; none where that is the tenancy's root.
    pub compartment: Option<String>,
    /// True where a policy lets the user read the audit log.
    pub policy: bool,
    /// True where a policy lets the user read the content of logs, which a search needs besides.
    pub log_content: bool,
    /// Other API calls for each event of the identity domain.
    pub api_calls: u32,
    /// Bytes of filling in `additionalDetails`; 0 for none.
    pub padding: usize,
    /// The most events on a page of ListEvents.
    pub page_size: usize,
    /// Before each page comes an empty one; otherwise before few.
    pub empty_pages: bool,
    /// A page begins with the last event of the one before.
    pub repeats: bool,
    /// The token of the next page is, from the second page on, the one that was asked with.
    pub token_repeats: bool,
    /// ListEvents refuses times with seconds.
    pub strict_minutes: bool,
    /// The longest window of ListEvents, in days; none for as long as events are kept.
    pub window_days: Option<u16>,
    /// Seconds that the clock which signatures are held against is ahead of this machine's.
    pub clock_skew: i64,
    /// The days for which events are kept.
    pub retention_days: u16,
}

impl OciScenario {
    /// The OCID of the compartment that holds the identity domain.
    pub(crate) fn domain_compartment(&self) -> &str {
        self.compartment.as_deref().unwrap_or(&self.tenancy)
    }

    /// The user who may read the audit log.
    pub fn demo_user(&self) -> OciDemoUser {
        OciDemoUser {
            tenancy: self.tenancy.clone(),
            compartment: self.domain_compartment().to_owned(),
            user: self.user.clone(),
            fingerprint: self.fingerprint.clone(),
        }
    }
}

impl Default for OciScenario {
    fn default() -> Self {
        Self {
            tenancy: TENANCY.to_owned(),
            user: USER.to_owned(),
            fingerprint: FINGERPRINT.to_owned(),
            public_key: PUBLIC_KEY.to_owned(),
            compartment: None,
            policy: true,
            log_content: true,
            api_calls: 1,
            padding: 0,
            page_size: 500,
            empty_pages: false,
            repeats: false,
            token_repeats: false,
            strict_minutes: false,
            window_days: None,
            clock_skew: 0,
            retention_days: 365,
        }
    }
}
