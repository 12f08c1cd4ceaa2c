//! ECS 9.4.0, the Elastic Common Schema (Apache-2.0).
//!
//! Where somebody acted on an account of somebody else, `user` is who acted and `user.target` the account; otherwise
//! `user` is the subject. A role given or taken is `user.changes.roles`; where a group got or lost it, the group is `group`,
//! and the role `oracle.target`; no name of a group stands among those of users. An application is `service.target.name`. What ECS has no field for is under `oracle`, or
//! under `audit` where the product is another vendor's, the namespaces of this program's own fields: the connection's name, what a sign-in is called in all reports, the session, a
//! target without a place, and the attributes.
//!
//! The request that a call was made by is `http.request` and `url`, and the status of its answer `http.response.status_code`, beside
//! `event.code`.
//!
//! When an event was collected is `event.created`, "when the event was first read by an agent, or by your pipeline". The
//! same stands in `event.ingested`, which is of the store that it arrives in: one that stamps it does so over ours.

mod line;
mod mapping;
mod object;
#[cfg(test)]
mod tests;

pub use mapping::VERSION;
pub use object::{
    Changes, Cloud, CloudAccount, Dataset, Distinct, Ecs, EventSet, HttpRequestSet, HttpResponseSet, HttpSet, Observer,
    Own, Related, Service, Source, Target, UrlSet, UserAgent, UserSet, Version,
};
