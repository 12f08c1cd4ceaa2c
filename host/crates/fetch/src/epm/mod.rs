//! EPM Cloud: jobs, their envelopes and files.
//!
//! [`job`] submits a job and follows it, [`download`] brings the file that it wrote, found among the [`files`] of the server, and
//! [`cleanup`] removes it in the end. All of them talk in an [`envelope`] of JSON, whose [`words`] say what a number does not;
//! [`nothing`] knows a document that says in words that there are no rows. [`poll_pacer`] spreads the questions of many jobs, and
//! [`probe`] asks what shows that the environment can be used.

pub(crate) mod cleanup;
pub(crate) mod download;
pub(crate) mod envelope;
pub(crate) mod files;
pub(crate) mod job;
pub(crate) mod nothing;
pub(crate) mod poll_pacer;
pub(crate) mod probe;
pub(crate) mod words;
