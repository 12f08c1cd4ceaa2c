//! OCSF 1.8.0, the Open Cybersecurity Schema Framework (Apache-2.0).
//!
//! An event becomes an object of one of five classes of the category Identity & Access Management: Account Change 3001,
//! Authentication 3002, Entity Management 3004, User Access Management 3005, Group Management 3006; a call of an API is API
//! Activity 6003, of the category Application Activity. `class_of` chooses.
//! A field without a place in its class is kept in `unmapped`, beside the attributes.
//!
//! When an event was collected is `metadata.logged_time`, "the time when the logging system collected and logged the
//! event"; `processed_time` is that of a later step, such as a transformation. Which connection it came by is
//! `metadata.log_source`, "the log system or component where the data originated"; `loggers` would need each to be
//! described as a device or product, and tell nothing more.
//!
//! The request that a call was made by is `http_request`, and its id `api.request.uid` in API Activity, `http_request.uid` elsewhere;
//! what the schema does not take, a method that it does not list say, stays in `unmapped`.
//!
//! Six choices that the schema leaves open:
//! - a required attribute of which the source says nothing reads `Unknown`;
//! - `service` exists only in Authentication; elsewhere the service that recorded the event is `metadata.log_provider`,
//!   and the session is the actor's;
//! - a role that a group got or lost is Group Management with the group and its `privileges`, and without a `user`;
//! - Entity Management and the life of a group have no user that changes, so the subject is who did it; so it is for calls;
//! - no group is ever a `user`: one that is member of another, or acts, is `subject_group` or `actor_group` in `unmapped`;
//! - a call that comes from nowhere has `src_endpoint.svc_name` `Unknown`, since the class demands an endpoint.

mod class;
mod line;
mod mapping;
mod metadata;
mod object;
#[cfg(test)]
mod tests;

pub use metadata::{Metadata, MetadataProduct, VERSION};
pub use object::{
    Actor, Api, ApiRequest, ApiResponse, Endpoint, Entity, HttpRequest, Ip, Ocsf, RequestUrl, Session, User, UserType,
};
