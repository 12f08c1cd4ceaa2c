//! `host plan`: what a run would fetch.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use crate::args::{PlanArgs, PlanFormat};
use crate::commands::asked;
use crate::error::CliError;
use crate::render::{self, print};
use sandbox::{Body, Fetch, Grants, HttpRequest, Paging, grants};
use setup::connections::ParameterSource;
use setup::report::PreparedReport;
use sink::terminal::printable;

/// Prints the plan of a report; sends nothing.
pub fn plan(args: &PlanArgs) -> Result<(), CliError> {
    let report = asked::prepare(&args.report, ParameterSource::Only, None, None)?;
    let mut plugin = report.plugin.report()?;
    let fetches = plugin.plan(&report.request)?;
    let format = args.format.unwrap_or(if std::io::stdout().is_terminal() {
        PlanFormat::Text
    } else {
        PlanFormat::Json
    });
    let text = match format {
        PlanFormat::Text => lines(&report, plugin.grants(), &fetches),
        PlanFormat::Json => json(&fetches),
    };
    print(text.as_bytes())
}

fn json(fetches: &[Fetch]) -> String {
    fetches
        .iter()
        .map(|fetch| format!("{}\n", render::plan::fetch(fetch)))
        .collect()
}

fn lines(report: &PreparedReport, grants: &Grants, fetches: &[Fetch]) -> String {
    let window = report.window;
    let mut text = format!(
        "{} from {} to {}: {} to fetch; the plugin may ask for {grants}\n",
        printable(&report.description.name),
        window.from,
        window.to,
        fetches.len()
    );
    for fetch in fetches {
        let _ = writeln!(text, "{}", printable(&line(fetch)));
    }
    text
}

/// The kind of a fetch, its request, and what comes of it.
fn line(fetch: &Fetch) -> String {
    let (kind, request, gives) = match fetch {
        Fetch::Call(call) => ("call", &call.request, None),
        Fetch::Job(job) => {
            let kept = if job.keep { ", which stays on the server" } else { "" };
            ("job", &job.submit, Some(format!("file {}{kept}", job.file)))
        }
        Fetch::Pages(pages) => {
            let paging = match &pages.paging {
                Paging::Scim(count) => format!("pages of {count} by SCIM position"),
                Paging::LinkNext => "pages by Link header".to_owned(),
                Paging::LinkUntilEmpty => "pages by Link header, up to an empty one".to_owned(),
                Paging::NextToken((header, _)) => format!("pages by {header} header"),
                Paging::BodyToken(token) => format!("pages by {} in the body", token.token.join(".")),
            };
            ("pages", &pages.request, Some(paging))
        }
    };
    let gives = gives.map(|gives| format!("  -> {gives}")).unwrap_or_default();
    format!("{kind:<5}  {}{gives}", shown(request))
}

/// Method, path and query, and what the body says.
fn shown(request: &HttpRequest) -> String {
    let method = grants::name(request.method);
    let mut text = format!("{method:<6} /{}", request.path.join("/"));
    if !request.query.is_empty() {
        text.push('?');
        text += &pairs(&request.query);
    }
    let _ = match &request.body {
        None => Ok(()),
        Some(Body::Form(fields)) => write!(text, "  form {}", pairs(fields)),
        Some(Body::Json(body)) => write!(text, "  json {body}"),
        Some(Body::Other((media_type, bytes))) => write!(text, "  {media_type}, {} bytes", bytes.len()),
    };
    text
}

fn pairs(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}
