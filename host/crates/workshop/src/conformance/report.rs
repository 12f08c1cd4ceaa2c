//! The duties of any report plugin.

use super::hostile;
use super::material::Material;
use crate::check::wanted;
use crate::findings::{CheckOutcome, Failed, Finding, crashed, failed, fine};
use crate::golden::{Chunks, diff, parse, plain_request};
use sandbox::{Document, Fetch, Grants, PluginError, ReportPlugin};

/// The bytes of a case's document that are tried: each check parses it several times.
const TRIED: usize = 256 << 10;
/// Cases whose documents are tried.
const DOCUMENTS: usize = 4;
/// Places at which a document is cut off.
const CUTS: usize = 12;

const PURE: &str =
    "the same arguments must give the same answer: use no global state, and no order that changes (hash maps)";
const NO_TRAP: &str = "a document that cannot be read";

pub(super) fn run(mut plugin: ReportPlugin, material: &Material, tell: &mut dyn FnMut(Finding)) {
    tell(Finding::new("plan: the same twice", plan_twice(&mut plugin)));
    tell(Finding::new("plan: requests", requests(&mut plugin, material)));
    let documents: Vec<(&Document, &[u8])> = material
        .documents
        .iter()
        .take(DOCUMENTS)
        .map(|(document, bytes)| (document, bytes.get(..TRIED).unwrap_or(bytes)))
        .collect();
    let checks: [(&str, Check); 6] = [
        ("parse: the same twice", parse_twice),
        ("parse: chunks of any size", chunks),
        ("parse: an empty document", empty),
        ("parse: a truncated document", truncated),
        ("parse: garbage", garbage),
        ("parse: hostile text", hostile_text),
    ];
    for (name, check) in checks {
        if documents.is_empty() {
            let reason = "no case in tests/ that can be read";
            tell(Finding::new(name, Ok(CheckOutcome::Skipped(reason.to_owned()))));
            continue;
        }
        let outcome = documents
            .iter()
            .try_for_each(|(document, bytes)| check(&plugin, document, bytes));
        tell(Finding::new(name, outcome.and_then(|()| fine())));
    }
}

type Check = fn(&ReportPlugin, &Document, &[u8]) -> Result<(), Failed>;

fn plan_twice(plugin: &mut ReportPlugin) -> Result<CheckOutcome, Failed> {
    let request = plain_request().map_err(|error| (error, "this is an error of the host".to_owned()))?;
    let plan = |plugin: &mut ReportPlugin| match plugin.plan(&request) {
        // A report may need a parameter; it must say so each time.
        Err(PluginError::Fault(fault)) => Ok::<Result<Vec<Fetch>, String>, Failed>(Err(fault.message)),
        other => other.map(Ok).map_err(crashed("plan")),
    };
    if plan(plugin)? == plan(plugin)? {
        return fine();
    }
    failed("two calls gave two plans", PURE)
}

/// The requests of the plans of all cases, and the grants that the plugin's user has to give.
fn requests(plugin: &mut ReportPlugin, material: &Material) -> Result<CheckOutcome, Failed> {
    let plain = plain_request().map_err(|error| (error, "this is an error of the host".to_owned()))?;
    let cases = material.documents.iter().map(|(document, _)| &document.request);
    let mut missing = Vec::new();
    for request in cases.chain([&plain]) {
        // A report may need a parameter.
        let Ok(plan) = plugin.plan(request) else { continue };
        missing.extend(Grants::get().missing(&plan, &request.unique_name));
    }
    let mut told = Vec::new();
    for grant in missing {
        if !told.contains(&grant) {
            told.push(grant);
        }
    }
    Ok(CheckOutcome::Ok(wanted(&told)))
}

fn parse_twice(plugin: &ReportPlugin, document: &Document, bytes: &[u8]) -> Result<(), Failed> {
    let parse = || parse(plugin, document, bytes, Chunks::Whole).map_err(crashed("the document"));
    let (first, second) = (parse()?, parse()?);
    if first == second {
        return Ok(());
    }
    failed(format!("two parsers gave two answers\n{}", diff(&first, &second)), PURE)
}

fn chunks(plugin: &ReportPlugin, document: &Document, bytes: &[u8]) -> Result<(), Failed> {
    let parse = |chunks| parse(plugin, document, bytes, chunks).map_err(crashed("the document in chunks"));
    let whole = parse(Chunks::Whole)?;
    for size in [1, 7, 64 << 10] {
        let other = parse(Chunks::Of(size))?;
        if other != whole {
            return failed(
                format!(
                    "chunks of {size} bytes (+) give something else than the whole document (-)\n{}",
                    diff(&whole, &other)
                ),
                "a record, and a character, may straddle any chunks: keep what is incomplete for the next push",
            );
        }
    }
    Ok(())
}

fn empty(plugin: &ReportPlugin, document: &Document, _: &[u8]) -> Result<(), Failed> {
    survives(plugin, document, "an empty document", &[])
}

fn truncated(plugin: &ReportPlugin, document: &Document, bytes: &[u8]) -> Result<(), Failed> {
    for cut in (1..=CUTS).map(|part| bytes.len() * part / (CUTS + 1)) {
        survives(
            plugin,
            document,
            &format!("the document cut after {cut} bytes"),
            bytes.get(..cut).unwrap_or_default(),
        )?;
    }
    Ok(())
}

fn garbage(plugin: &ReportPlugin, document: &Document, _: &[u8]) -> Result<(), Failed> {
    hostile::garbage()
        .iter()
        .try_for_each(|(what, bytes)| survives(plugin, document, what, bytes))
}

fn hostile_text(plugin: &ReportPlugin, document: &Document, bytes: &[u8]) -> Result<(), Failed> {
    hostile::spoiled(bytes)
        .iter()
        .try_for_each(|(what, bytes)| survives(plugin, document, what, bytes))
}

/// Events, rejects and faults are all answers; a trap and an exceeded limit are none.
fn survives(plugin: &ReportPlugin, document: &Document, what: &str, bytes: &[u8]) -> Result<(), Failed> {
    parse(plugin, document, bytes, Chunks::Whole)
        .map(|_| ())
        .map_err(crashed(&format!("{NO_TRAP} ({what})")))
}
