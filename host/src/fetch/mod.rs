//! Carries out what a plugin planned: call, job, pages, download, spool.
