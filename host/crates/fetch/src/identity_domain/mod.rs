//! Identity domains: [`probe`] asks one for its `AuditEvents`, [`newest_event`] and [`domain_id`] hold what its events tell, and
//! [`silence`] knows from when on it is suspicious that there are none. Their lists are read by [`crate::pages`].

pub(crate) mod domain_id;
pub(crate) mod newest_event;
pub(crate) mod probe;
pub(crate) mod silence;
