//! The walk-through of `docs/writing-a-report-plugin.md`: what it prints is what there is and what comes.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use crate::{stderr, stdout};

/// The heading of the section.
const HEADING: &str = "\n## A report of another vendor\n";

/// The address in the page's configuration.
const ADDRESS: &str = "url = \"https://acme.okta.com\"\n";

/// The blocks of the section, each with its language.
pub struct WalkThrough(Vec<(String, String)>);

impl WalkThrough {
    /// Reads the page.
    pub fn read() -> WalkThrough {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/writing-a-report-plugin.md");
        let page = std::fs::read_to_string(page).expect("the page");
        let (_, section) = page.split_once(HEADING).expect("the section");
        let section = section.split("\n## ").next().unwrap_or_default();
        let fenced = section.split("\n```").skip(1).step_by(2);
        let blocks = fenced.map(|block| block.split_once('\n').expect("a block"));
        WalkThrough(
            blocks
                .map(|(language, text)| (language.to_owned(), format!("{text}\n")))
                .collect(),
        )
    }

    fn blocks(&self, language: &str) -> Vec<&str> {
        let blocks = self.0.iter().filter(|(found, _)| found == language);
        let blocks: Vec<&str> = blocks.map(|(_, text)| text.as_str()).collect();
        assert!(!blocks.is_empty(), "no block of {language}");
        blocks
    }

    /// Fails unless each block of source stands in one of these files as it is.
    pub fn assert_shows(&self, sources: &[PathBuf]) {
        let sources: Vec<String> = (sources.iter())
            .map(|path| std::fs::read_to_string(path).expect("a source"))
            .collect();
        for block in ["rust", "python"].iter().flat_map(|language| self.blocks(language)) {
            for part in block.split("…\n") {
                let part = part.trim_matches('\n');
                assert!(
                    sources.iter().any(|source| source.contains(part)),
                    "no source has\n{part}"
                );
            }
        }
    }

    /// The configuration, with the service at this address.
    pub fn configuration(&self, url: &str) -> String {
        let text = self.blocks("toml").concat();
        assert!(text.contains(ADDRESS), "{text}");
        text.replace(ADDRESS, &format!("url = \"{url}\"\nallow-private-addresses = true\n"))
    }

    /// The members of each event, in OCSF and in ECS.
    pub fn examples(&self) -> Vec<Value> {
        let lines = self.blocks("json").concat();
        lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect()
    }

    /// Carries out each command and holds what it says against what is printed; `…` stands for more.
    pub fn follow(&self, host: &mut dyn FnMut(&[&str]) -> Output) {
        let consoles = self.blocks("console").concat();
        let mut commands = consoles.split("$ host ").skip(1).peekable();
        assert!(commands.peek().is_some(), "{consoles}");
        for command in commands {
            let (command, printed) = command.split_once('\n').expect("a line");
            let arguments: Vec<&str> = command.split(' ').collect();
            let output = host(&arguments);
            let said = stdout(&output) + &stderr(&output);
            assert_eq!(output.status.code(), Some(0), "{command}: {said}");
            let (expected, found): (Vec<&str>, Vec<&str>) = (printed.lines().collect(), said.lines().collect());
            assert!(fits(&expected, &found), "{command} says\n{said}\nand not\n{printed}");
        }
    }
}

/// True where lines are as printed.
fn fits(printed: &[&str], said: &[&str]) -> bool {
    match (printed, said) {
        ([], said) => said.is_empty(),
        (["…", rest @ ..], said) => (0..=said.len()).any(|skipped| fits(rest, &said[skipped..])),
        ([first, rest @ ..], [found, others @ ..]) => is_alike(first, found) && fits(rest, others),
        (_, []) => false,
    }
}

fn is_alike(printed: &str, said: &str) -> bool {
    match printed.split_once('…') {
        Some((before, after)) => {
            said.len() >= before.len() + after.len() && said.starts_with(before) && said.ends_with(after)
        }
        None => printed == said,
    }
}
