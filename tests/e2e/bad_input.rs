//! Input that is wrong before any request is sent: exit 2 or 6, one `error:` line, a `hint:`, and a server that saw nothing.

use tests::{Server, stderr, stdout};

use super::{CANARY, desk, run};

#[test]
fn what_is_wrong_with_the_arguments_is_said_before_any_request() {
    let (desk, server) = (desk(), Server::start(""));
    desk.write("garbage.wasm", b"\0asm but no module");
    desk.write("text.wasm", b"hello");
    let cases: &[(&[&str], i32, &str)] = &[
        (&["invalid-logins"], 2, "no plugin"),
        (&["invalid-login", "--param", "colour=red"], 2, "no parameter"),
        (&["invalid-login", "--param", "colour"], 2, "KEY=VALUE"),
        (&["invalid-login", "--from", "yesterday"], 2, "neither a day"),
        (&["invalid-login", "--from", "2025-02-30"], 2, "neither a day"),
        (
            &["invalid-login", "--since", "a while"],
            2,
            "--since \"a while\": not a duration",
        ),
        (
            &["invalid-login", "--from", "2026-11-20", "--to", "2026-11-01"],
            2,
            "before it begins",
        ),
        (&["invalid-login", "--from", "2999-01-01"], 2, "future"),
        (&["invalid-login", "--since", "200d"], 6, "90"),
        (&["./garbage.wasm"], 6, "garbage.wasm"),
        (&["./text.wasm"], 6, "text.wasm"),
        (&["./missing.wasm"], 6, "missing.wasm"),
        (&["invalid-login", "--sink", "fiel:x"], 2, "sink"),
        (
            &["invalid-login", "--sink", "file:no/such/folder/x.ndjson"],
            2,
            "no/such/folder",
        ),
    ];
    for (arguments, code, said) in cases {
        let output = run(&desk, &server, arguments[0], &arguments[1..]).output().unwrap();
        let errors = stderr(&output);
        assert_eq!(output.status.code(), Some(*code), "{arguments:?}: {errors}");
        assert!(errors.contains(said), "{arguments:?}: {errors}");
        assert_eq!(
            errors.lines().filter(|line| line.starts_with("error: ")).count(),
            1,
            "{arguments:?}: {errors}"
        );
        assert_eq!(
            errors.lines().filter(|line| line.starts_with("hint: ")).count(),
            1,
            "{arguments:?}: {errors}"
        );
        assert_eq!(stdout(&output), "", "{arguments:?}");
    }
    assert_eq!(server.seen(), Vec::<String>::new());
}

#[test]
fn a_url_that_must_not_be_asked_is_refused_before_the_secret_is_wanted() {
    let desk = desk();
    let cases: &[(&[&str], &str)] = &[
        (&["--url", "epm.example.com", "--auth", "basic:u"], "URL"),
        (&["--url", "ftp://epm.example.com", "--auth", "basic:u"], "https"),
        (&["--url", "http://epm.example.com", "--auth", "basic:u"], "http"),
        (
            &[
                "--url",
                "https://user:canary-7f3a-password@epm.example.com",
                "--auth",
                "basic:u",
            ],
            "",
        ),
        (&["--url", "https://127.0.0.1:1", "--auth", "basic:u"], "private"),
        (&["--url", "https://epm.example.com"], "--auth"),
        (
            &["--url", "https://epm.example.com", "--auth", "canary-7f3a-password"],
            "--auth",
        ),
        (&["--url", "https://epm.example.com", "--auth", "basic:u"], "missing"),
        (&[], "no connection"),
        (&["--connection", "epm"], "no connection"),
    ];
    for (arguments, said) in cases {
        let output = desk
            .host([&["run", "invalid-login"], *arguments].concat())
            .output()
            .unwrap();
        let errors = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains(said), "{arguments:?}: {errors}");
        assert!(errors.contains("hint: "), "{arguments:?}: {errors}");
        assert!(!errors.contains(CANARY), "{arguments:?}: {errors}");
    }
}

#[test]
fn a_wrong_configuration_names_file_line_and_remedy_and_no_secret() {
    let cases = [
        (
            "[connections.epm]\nkind = \"epm\"\nulr = \"https://a.example\"\n",
            "line 3",
            "did you mean `url`?",
        ),
        (
            "[connections.epm]\nkind = \"epm\"\nurl = \"https://a.example\"\n\
             auth = { kind = \"basic\", username = \"u\", password = \"canary-7f3a-password\" }\n",
            "literal secret",
            "env",
        ),
        (
            "[connections.epm]\nkind = \"epm\"\nurl = \"https://a.example\"\n\
             auth = { kind = \"basic\", username = \"u\", password = { env = \"NOT_SET_ANYWHERE\" } }\n",
            "NOT_SET_ANYWHERE",
            "set the environment variable",
        ),
        ("[connections.epm]\nkind = \"epm\"\nurl = \"epm.example\"\n", "URL", ""),
        (
            "[connections.epm]\nkind = \"epm\"\nurl = \"http://epm.example\"\n",
            "http",
            "allow-http",
        ),
        (
            "[connection.epm]\nkind = \"epm\"\n",
            "unknown field `connection`",
            "did you mean `connections`?",
        ),
        ("connections = 7\n", "host.toml", ""),
        ("[[[\n", "host.toml", ""),
    ];
    for (text, said, hint) in cases {
        let desk = desk();
        desk.write("host.toml", text);
        let output = desk.host(["run", "invalid-login"]).output().unwrap();
        let errors = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{text}: {errors}");
        assert!(errors.contains(said), "{text}: {errors}");
        assert!(errors.contains("hint: ") && errors.contains(hint), "{text}: {errors}");
        assert!(!errors.contains(CANARY), "{errors}");
        // Whoever has several must know which one it was.
        assert!(errors.lines().next().unwrap().contains("host.toml"), "{text}: {errors}");
    }
}

#[test]
fn a_configuration_that_others_can_write_is_used_only_where_it_is_named() {
    let desk = desk();
    let path = desk.write(
        "host.toml",
        "[connections.epm]\nkind = \"epm\"\nurl = \"https://epm.invalid\"\n\
         auth = { kind = \"bearer\", token = { command = [\"touch\", \"ran\"] } }\n",
    );
    let mode = |mode| std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    let ran = || std::fs::remove_file(desk.path().join("ran")).is_ok();
    let own = ["run", "invalid-login", "-v"];
    let ad_hoc = ["run", "invalid-login", "--url", "http://127.0.0.1:9", "--auth", "none"];
    mode(0o666);
    for arguments in [&own[..], &ad_hoc, &["plugin", "list"], &["check"]] {
        let output = desk.host(arguments).output().unwrap();
        let errors = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(
            errors.contains("host.toml can be written by others"),
            "{arguments:?}: {errors}"
        );
        assert!(!ran(), "{arguments:?}");
    }
    let named = [&own[..], &["--config", "host.toml"]].concat();
    let output = desk.host(named).output().unwrap();
    assert!(ran(), "{}", stderr(&output));
    let full = path.canonicalize().unwrap();
    assert!(stderr(&output).contains(full.to_str().unwrap()), "{}", stderr(&output));
    mode(0o644);
    assert!(desk.host(own).output().is_ok() && ran());
}

#[test]
fn what_nobody_sees_in_a_name_is_shown_in_messages() {
    let desk = desk();
    let name = "a\u{202e}lmot\u{200b}.toml";
    let hidden = ['\u{202e}', '\u{200b}'];
    let arguments = ["plugin", "list", "--config", name];
    let errors = stderr(&desk.host(arguments).output().unwrap());
    assert!(errors.contains("a\\u{202e}lmot\\u{200b}.toml"), "{errors}");
    assert!(!errors.contains(hidden), "{errors}");
    desk.write(name, "");
    let verbose = [&arguments[..], &["-v"]].concat();
    let errors = stderr(&desk.host(verbose).output().unwrap());
    assert!(errors.contains("a\\u{202e}lmot\\u{200b}.toml"), "{errors}");
    assert!(!errors.contains(hidden), "{errors}");
    // A program gets the name itself.
    let json = [&arguments[..], &["-v", "--log-format", "json"]].concat();
    let errors = stderr(&desk.host(json).output().unwrap());
    assert!(!errors.contains(hidden), "{errors}");
    let line: serde_json::Value = serde_json::from_str(errors.lines().next().unwrap()).unwrap();
    assert!(line["file"].as_str().unwrap().ends_with(name), "{line}");
}

#[test]
fn errors_are_one_json_line_where_asked() {
    let desk = desk();
    let output = desk.host(["run", "nothing", "--log-format", "json"]).output().unwrap();
    let error: serde_json::Value = serde_json::from_str(stderr(&output).trim()).unwrap();
    assert_eq!(error["code"], "usage");
    assert_eq!(error["exit"], 2);
    assert!(error["hint"].is_string());
}
