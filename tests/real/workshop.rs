//! Plugins in Python and JavaScript, made as somebody would type it: new, build, test, extend, test again, and run
//! against the simulator. The tools are those of `.ci/install`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use tests::{Server, TestEnv};

use crate::{PASSWORD, desk, stderr, stdout};

/// A language, the tools of it that a project uses, and how its sink is extended.
struct Language {
    name: &'static str,
    /// The place where the project looks for its tools, and their place below `target/`.
    tools: (&'static str, &'static str),
    source: &'static str,
    edits: &'static [(&'static str, &'static str)],
}

const PYTHON: Language = Language {
    name: "python",
    tools: (".venv", "venv"),
    source: "src/sink.py",
    edits: &[
        (
            "        \"source\": {",
            "        \"separator\": {\"type\": \"string\", \"maxLength\": 1},\n        \"source\": {",
        ),
        (
            "def __init__(self, source: str):",
            "def __init__(self, source: str, separator: str):\n        self.separator = separator",
        ),
        (
            "return cls(settings.get(\"source\", \"hello\"))",
            "return cls(settings.get(\"source\", \"hello\"), settings.get(\"separator\", \";\"))",
        ),
        (
            "return json.dumps(members, ensure_ascii=False, separators=(\",\", \":\")) + \"\\n\"",
            "return self.separator.join([str(event.time), json.dumps(event.subject.name), self.source]) + \"\\n\"",
        ),
    ],
};

const JAVASCRIPT: Language = Language {
    name: "javascript",
    tools: ("node_modules", "npm/node_modules"),
    source: "src/sink.js",
    edits: &[
        (
            "    source: { type",
            "    separator: { type: 'string', maxLength: 1 },\n    source: { type",
        ),
        (
            "constructor(source) {",
            "constructor(source, separator) {\n    this.separator = separator;",
        ),
        (
            "new Encoder(settings.source ?? 'hello')",
            "new Encoder(settings.source ?? 'hello', settings.separator ?? ';')",
        ),
        (
            "return JSON.stringify(members) + '\\n';",
            "return [members.time, JSON.stringify(members.user), this.source].join(this.separator) + '\\n';",
        ),
    ],
};

fn host(desk: &TestEnv, folder: &str, arguments: &[&str]) -> Output {
    let mut command = desk.host(arguments);
    command
        .current_dir(desk.path().join(folder))
        .timeout(Duration::from_secs(600))
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("HOST_SECRET", PASSWORD);
    command.output().unwrap()
}

#[track_caller]
fn assert_exit(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}{}", stdout(output), stderr(output));
}

/// A new project that finds its tools.
fn new(desk: &TestEnv, kind: &str, language: &Language) -> PathBuf {
    assert_exit(
        &host(desk, "", &["plugin", "new", kind, "hello", "--lang", language.name]),
        0,
    );
    let folder = desk.path().join("hello");
    let (name, tools) = language.tools;
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target").join(tools);
    assert!(tools.is_dir(), "{} is not there: run .ci/install", tools.display());
    symlink(tools.canonicalize().unwrap(), folder.join(name)).unwrap();
    folder
}

fn sink_as_typed(language: &Language) {
    let desk = desk();
    let folder = new(&desk, "sink", language);
    let built = host(&desk, "hello", &["plugin", "build"]);
    assert_exit(&built, 0);
    assert!(stdout(&built).contains("imports nothing"), "{}", stdout(&built));
    assert_exit(&host(&desk, "hello", &["plugin", "test"]), 0);

    let path = folder.join(language.source);
    let mut source = fs::read_to_string(&path).unwrap();
    for (from, to) in language.edits {
        assert!(source.contains(from), "{from:?} is not in the template");
        source = source.replace(from, to);
    }
    fs::write(&path, source).unwrap();
    fs::write(
        folder.join("tests/two-events/config.json"),
        "{\"source\":\"epm\",\"separator\":\"|\"}",
    )
    .unwrap();
    let changed = host(&desk, "hello", &["plugin", "test"]);
    assert_exit(&changed, 6);
    assert!(
        stdout(&changed).contains("1751542473000|\\\"anna\\\"|epm"),
        "{}",
        stdout(&changed)
    );
    assert_exit(&host(&desk, "hello", &["plugin", "test", "--bless"]), 0);
    assert_exit(&host(&desk, "hello", &["plugin", "test"]), 0);
    assert_exit(&host(&desk, "hello", &["plugin", "check", "./hello.wasm"]), 0);

    let server = Server::start("");
    let url = server.url();
    let run = |config: &str| {
        let arguments = [
            "run",
            "user-login",
            "--since",
            "7d",
            "--sink",
            "./hello.wasm",
            "--sink-config",
            config,
        ];
        let remote = ["--url", &url, "--auth", "basic:demo.user", "--allow-private-addresses"];
        host(&desk, "hello", &[&arguments[..], &remote[..]].concat())
    };
    let good = run("{\"source\":\"siem\",\"separator\":\"!\"}");
    assert_exit(&good, 0);
    assert!(stdout(&good).lines().count() > 1);
    for line in stdout(&good).lines() {
        assert!(
            line.starts_with(|c: char| c.is_ascii_digit()) && line.ends_with("!siem"),
            "{line}"
        );
    }
    let bad = run("{\"separator\":\"too long\"}");
    assert_exit(&bad, 2);
    assert!(stderr(&bad).contains("/separator"), "{}", stderr(&bad));
}

fn report_as_typed(language: &Language) {
    let desk = desk();
    new(&desk, "report", language);
    assert_exit(&host(&desk, "hello", &["plugin", "test"]), 0);
    let plan = host(&desk, "hello", &["plan", "./hello.wasm", "--since", "1d"]);
    assert_exit(&plan, 0);
    assert!(stdout(&plan).contains("sign-ins.csv"), "{}", stdout(&plan));
}

#[test]
#[ignore = "needs componentize-py"]
fn a_python_sink_is_made_extended_and_run() {
    sink_as_typed(&PYTHON);
}

#[test]
#[ignore = "needs componentize-py"]
fn a_python_report_is_made_and_tested() {
    report_as_typed(&PYTHON);
}

#[test]
#[ignore = "needs node"]
fn a_javascript_sink_is_made_extended_and_run() {
    sink_as_typed(&JAVASCRIPT);
}

#[test]
#[ignore = "needs node"]
fn a_javascript_report_is_made_and_tested() {
    report_as_typed(&JAVASCRIPT);
}

#[test]
#[ignore = "needs componentize-py"]
fn what_a_python_plugin_prints_reaches_the_log_of_a_debug_build() {
    let desk = desk();
    let folder = new(&desk, "sink", &PYTHON);
    let path = folder.join(PYTHON.source);
    let source = fs::read_to_string(&path)
        .unwrap()
        .replace("import json\n", "import json\nimport sys\n");
    fs::write(
        &path,
        source.replace(
            "        event = item.event\n",
            "        event = item.event\n        print(\"seen\", item.id, file=sys.stderr)\n",
        ),
    )
    .unwrap();
    assert_exit(&host(&desk, "hello", &["plugin", "build", "--debug"]), 0);
    let tested = host(&desk, "hello", &["plugin", "test", "-v", "--case", "two-events"]);
    assert_exit(&tested, 0);
    assert!(stderr(&tested).contains("seen e1"), "{}", stderr(&tested));
}
