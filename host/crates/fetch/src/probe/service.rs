//! The harmless questions to a service that nobody here knows: those of its report plugins, else one for its base address.

use super::fact::{Fact, limit};
use super::failure::{ProbeFailure, failed};
use super::probe_report::ProbeReport;
use super::question::BODY;
use super::report_question::ReportQuestion;
use remote::{Remote, Request};

/// Tries a service with the questions of its reports.
pub(crate) async fn probe(remote: &Remote, reports: &[ReportQuestion]) -> Result<ProbeReport, ProbeFailure> {
    if reports.is_empty() {
        base(remote).await?;
        return Ok(ProbeReport::of_steps([
            "reached",
            "the credential is looked at by the first run",
        ]));
    }
    let (mut steps, mut answers) = (vec!["reached".to_owned()], Vec::new());
    for question in reports {
        answers.push(question.ask(remote).await?);
        steps.push(format!("{} may read {}", question.report, question.path()));
    }
    Ok(ProbeReport {
        steps,
        facts: vec![Fact::new("rate limit", limit(remote, answers.iter()))],
        ..ProbeReport::default()
    })
}

/// Asks for the base address of a service that nobody here knows. Any answer shows that it is there; one that refuses the credential is
/// a failure, and so is one that the service itself calls its own fault.
async fn base(remote: &Remote) -> Result<(), ProbeFailure> {
    let request = Request::get(remote.base().url().clone()).limit(BODY);
    match remote.exchange(request).await {
        // Many a service shows its front page to everybody.
        Ok(_) => Ok(()),
        // Nothing is at the base address of most APIs.
        Err(error)
            if error
                .status()
                .is_some_and(|status| matches!(status.as_u16(), 400 | 404..=406 | 415)) =>
        {
            Ok(())
        }
        Err(error) => Err(failed(error, "sign-in", "the account may not read there")),
    }
}
