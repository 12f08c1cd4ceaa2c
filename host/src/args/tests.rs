use std::path::Path;

use clap::CommandFactory;

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

/// The words that end a command of a shell.
const ENDS: [&str; 4] = ["|", "||", "&&", "&"];

/// The arguments of each `host` that a text of shell commands calls: behind variables and the times of cron, in pipes and lists.
fn calls(text: &str) -> Vec<Vec<String>> {
    let is_variable_or_time =
        |word: &str| word.contains('=') || word.chars().all(|sign| sign.is_ascii_digit() || "*/".contains(sign));
    let mut calls = Vec::new();
    for line in text.replace("\\\n", " ").lines() {
        let split = shlex::split(line.trim()).unwrap_or_else(|| panic!("a quote stays open: {line}"));
        let (mut split, mut words) = (split.into_iter(), Vec::new());
        while let Some(word) = split.next() {
            match word.strip_suffix(';') {
                _ if [">", "2>", "<"].contains(&word.as_str()) => drop(split.next()),
                _ if word.starts_with('>') => {}
                Some(last) => words.extend([last.to_owned(), "&&".to_owned()]),
                None => words.push(word),
            }
        }
        let commands = words.split(|word| ENDS.contains(&word.as_str()));
        let commands = commands.map(|command| command.iter().skip_while(|word| is_variable_or_time(word)).cloned());
        calls.extend(
            commands
                .map(Vec::from_iter)
                .filter(|command: &Vec<String>| command.first().is_some_and(|program| program == "host")),
        );
    }
    calls
}

/// Fails where a call is none that the command line takes.
fn assert_calls(calls: &[Vec<String>], place: &str) {
    for call in calls {
        if let Err(error) = Cli::try_parse_from(call) {
            panic!("{place}: {}: {error}", call.join(" "));
        }
    }
}

/// The commands in the blocks of a page: all lines of a block for a shell, and those with a prompt of one that shows output.
fn commands(page: &str) -> String {
    let mut found = String::new();
    let mut block = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), block) {
            (Some(language), None) => block = Some(language),
            (Some(_), Some(_)) => block = None,
            (None, Some("console")) => {
                // A command may go on.
                let goes_on = found.ends_with("\\\n");
                if let Some(command) = line.strip_prefix("$ ").or(goes_on.then_some(line)) {
                    found.push_str(command);
                    found.push('\n');
                }
            }
            (None, Some("" | "sh")) => {
                found.push_str(line);
                found.push('\n');
            }
            _ => {}
        }
    }
    found
}

#[test]
fn every_command_of_the_pages_is_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let docs = std::fs::read_dir(root.join("docs")).unwrap();
    let docs = docs.map(|entry| entry.unwrap().path());
    let mut seen = 0;
    for path in docs.chain(["README.md", "CONTRIBUTING.md"].map(|name| root.join(name))) {
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        let page = std::fs::read_to_string(&path).unwrap();
        // What the README puts into a variable.
        let page = page.replace(
            "\"${EPM[@]}\"",
            "--url http://127.0.0.1:8080 --allow-private-addresses --auth basic:demo.user",
        );
        let block_calls: Vec<_> = commands(&page)
            .replace("\\\n", " ")
            .lines()
            .filter(|line| line.contains("host "))
            .flat_map(calls)
            .collect();
        assert_calls(&block_calls, &path.display().to_string());
        seen += block_calls.len();
    }
    assert!(seen > 60, "{seen}");
}

#[test]
fn every_command_has_examples_in_its_help_and_they_are_commands() {
    fn visit(command: &clap::Command, path: &str, seen: &mut usize) {
        let path = format!("{path} {}", command.get_name());
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let examples: String = help
            .lines()
            .skip_while(|line| !line.starts_with("Example"))
            .take_while(|line| !line.is_empty())
            .filter(|line| line.starts_with("  "))
            .map(|line| format!("{line}\n"))
            .collect();
        let calls = calls(&examples);
        assert!(!calls.is_empty(), "{path} shows no example");
        assert_calls(&calls, &path);
        *seen += calls.len();
        for sub in command.get_subcommands() {
            visit(sub, &path, seen);
        }
    }
    let mut seen = 0;
    visit(&Cli::command(), "", &mut seen);
    assert!(seen > 50, "{seen}");
}
