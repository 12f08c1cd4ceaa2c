//! Reading the configuration.

use std::path::Path;

use super::checks;
use super::error::ConfigError;
use super::found;
use super::host_toml::Config;

impl Config {
    /// Reads the configuration: the file named, else `./host.toml`, else `$XDG_CONFIG_HOME/host/host.toml`; where there
    /// is none, an empty one.
    ///
    /// # Errors
    ///
    /// Where it cannot be read or meant, and where nobody named it and others can write it.
    pub fn load(named: Option<&Path>) -> Result<Config, ConfigError> {
        match named {
            Some(path) => Config::read(path),
            None => match found::first(found::places())? {
                Some(path) => Config::read(&path),
                None => {
                    tracing::info!("there is no configuration file");
                    Ok(Config::default())
                }
            },
        }
    }

    fn read(path: &Path) -> Result<Config, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
            path: path.to_path_buf(),
            source,
        })?;
        let mut config = Config::parse(&text).map_err(|error| error.in_file(path))?;
        config.file.folder = path.parent().map(Path::to_path_buf).unwrap_or_default();
        config.file.path = Some(path.to_path_buf());
        let full = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
        tracing::info!(file = %full.display(), "read the configuration");
        Ok(config)
    }

    /// Parses the text of a configuration.
    pub fn parse(text: &str) -> Result<Config, ConfigError> {
        let mut config: Config = toml::from_str(text).map_err(|error| ConfigError::syntax(text, &error))?;
        config.file.text = text.to_owned();
        checks::check(&config)?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use connection::{AuthMethod, ConnectionKind, MaxRejected, SecretSource};
    use remote::Parallel;
    use sink::kinds::SinkKind;

    use super::*;

    #[test]
    fn the_documented_configuration_is_read() {
        let config = Config::parse(
            r#"
            [connections.epm]
            kind = "epm"
            url = "https://epm-acme.epm.us-phoenix-1.ocs.oraclecloud.com"
            auth = { kind = "basic", username = "acme.jdoe", password = { env = "EPM_PASSWORD" } }
            timeout = "90s"
            [sinks.archive]
            kind = "file"
            path = "archive/{report}/{date}.ndjson"
            encoding = "ocsf"
            "#,
        )
        .unwrap();
        let epm = config.connections.get("epm").unwrap();
        assert_eq!(epm.kind, Some(ConnectionKind::Epm));
        assert_eq!(epm.timeout, Some(std::time::Duration::from_secs(90)));
        assert!(matches!(
            &epm.auth,
            AuthMethod::Basic {
                password: SecretSource::Env { .. },
                ..
            }
        ));
        assert!(matches!(config.sinks.get("archive").unwrap().kind, SinkKind::File(_)));
    }

    #[test]
    fn a_literal_secret_is_refused_without_being_repeated() {
        let error = Config::parse(
            "[connections.epm]\nkind = \"epm\"\nurl = \"https://a.example\"\n\
             auth = { kind = \"basic\", username = \"u\", password = \"hunter2-canary\" }\n",
        )
        .unwrap_err();
        let said = format!("{error} {:?} {error:?}", error.hint());
        assert!(said.contains("literal secret"), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }

    #[test]
    fn a_secret_in_the_wrong_place_is_not_repeated() {
        for auth in [
            "auth = { kind = \"basic\", username = \"u\", password = 7312345678 }",
            "auth = { kind = \"basic\", username = \"u\", password = { command = \"echo 7312345678\" } }",
            "auth = \"7312345678\"",
            "proxy = \"http://u:7312345678@proxy:3128\"",
            "timeout = \"7312345678\"",
        ] {
            let text = format!("[connections.epm]\nkind = \"epm\"\nurl = \"https://a.example\"\n{auth}\n");
            let error = Config::parse(&text).unwrap_err();
            let said = format!("{error} {:?}", error.hint());
            assert!(!said.contains("7312345678"), "{auth}: {said}");
        }
    }

    #[test]
    fn an_unknown_key_names_the_nearest_known_one() {
        let error = Config::parse("[connections.epm]\nkind = \"epm\"\nulr = \"https://a.example\"\n").unwrap_err();
        assert!(error.to_string().contains("`ulr`"), "{error}");
        assert!(error.to_string().contains("line 3"), "{error}");
        assert_eq!(error.hint().as_deref(), Some("did you mean `url`?"));
    }

    #[test]
    fn a_name_that_is_no_plain_word_is_refused() {
        assert!(matches!(
            Config::parse("[plugins.\"../x\"]\npath = \"a\"\n"),
            Err(ConfigError::Name { .. })
        ));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_at_its_line() {
        for (text, line, part) in [
            ("[ledger]\nlag = \"900000000000s\"\n", 2, "at most 30 days"),
            ("[ledger]\nlook-back = [{ age = \"31d\" }]\n", 2, "30 days at most"),
            ("[sinks.stdout]\nkind = \"file\"\npath = \"x\"\n", 1, "another name"),
            ("\n[connections.a]\nkind = \"epm\"\n", 2, "missing field `url`"),
            ("\n[connections.a]\nkind = \"oci\"\n", 2, "missing field `url`"),
            (
                "[connections.a]\nkind = \"oci\"\nregion = \"mars\"\n",
                3,
                "not a region of OCI",
            ),
            (
                "\n[connections.a]\nkind = \"epm\"\nregion = \"fra\"\n",
                2,
                "of kind oci",
            ),
            (
                "\n[connections.a]\nkind = \"oci\"\nregion = \"fra\"\nurl = \"https://a.example\"\n",
                2,
                "leave out one of them",
            ),
            (
                "[sinks.a]\nkind = \"http\"\nendpoint = { auth = { kind = \"none\" } }\n",
                1,
                "missing field `url`",
            ),
            (
                "[sinks.a]\nkind = \"http\"\nendpoint = { region = \"fra\" }\n",
                3,
                "of kind oci",
            ),
        ] {
            let said = Config::parse(text).unwrap_err().to_string();
            assert!(said.contains(part) && said.contains(&format!("line {line}")), "{said}");
        }
    }

    #[test]
    fn a_tenant_is_a_text_that_can_stand_in_an_event() {
        let parse = |tenant: &str| {
            Config::parse(&format!(
                "[connections.epm]\nkind = \"epm\"\nurl = \"https://epm.example.com\"\ntenant = {tenant}\n"
            ))
        };
        let tenant = |tenant| parse(tenant).unwrap().connections["epm"].tenant.clone();
        assert_eq!(
            tenant("\"ocid1.tenancy.oc1..aaaa\"").as_deref(),
            Some("ocid1.tenancy.oc1..aaaa")
        );
        let long = format!("\"{}\"", "x".repeat(256));
        for wrong in ["\"\"", "\" \"", "\"a\\nb\"", &long] {
            let error = parse(wrong).unwrap_err().to_string();
            assert!(error.contains("connections.epm.tenant"), "{error}");
        }
        let endpoint =
            "[sinks.siem]\nkind = \"http\"\nendpoint = { url = \"https://siem.example.com\", tenant = \"x\" }";
        let error = Config::parse(endpoint).unwrap_err().to_string();
        assert!(error.contains("only connections have"), "{error}");
    }

    #[test]
    fn what_a_plugin_may_ask_for_is_read_and_a_wrong_grant_told_at_its_line() {
        let read = |rest: &str| Config::parse(&format!("[plugins.mine]\npath = \"mine.wasm\"\n{rest}\n"));
        let allow = read("allow = [\"POST /interop/rest/v1/reports\"]").unwrap().plugins["mine"]
            .allow
            .clone();
        assert_eq!(allow.unwrap()[0].to_string(), "POST /interop/rest/v1/reports");
        let digest = "AB".repeat(32);
        let pinned = read(&format!("sha256 = \"{digest}\"")).unwrap().plugins["mine"]
            .sha256
            .clone();
        assert_eq!(pinned, Some("ab".repeat(32)));
        for (wrong, why) in [
            ("allow = [\"POST interop\"]", "the path begins with /"),
            ("allow = [\"POST /a\", \"FETCH /a\"]", "the method is one of"),
            ("allow = \"POST /a\"", "wrong type of value"),
            ("sha256 = \"abc\"", "64 hexadecimal digits"),
            ("sha256 = \"zz\"", "64 hexadecimal digits"),
        ] {
            let said = read(wrong).unwrap_err().to_string();
            assert!(said.contains(why) && said.contains("line 3"), "{wrong}: {said}");
        }
    }

    #[test]
    fn windows_ahead_are_one_to_ten_thousand() {
        let ledger = |windows: &str| Config::parse(&format!("[ledger]\nwindows-ahead = {windows}\n"));
        assert_eq!(ledger("5000").unwrap().ledger.windows_ahead, Some(5000));
        for wrong in ["0", "10001", "70000", "-1", "\"4\""] {
            assert!(ledger(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_share_of_rejected_rows_is_a_percentage_or_any() {
        let read = |share: &str| {
            let text =
                format!("[connections.d]\nkind = \"epm\"\nurl = \"https://d.example\"\nmax-rejected = {share}\n");
            Config::parse(&text).map(|config| config.connections["d"].max_rejected)
        };
        assert_eq!(read("\"5%\"").unwrap(), Some(MaxRejected::Share(50_000)));
        assert_eq!(read("\"any\"").unwrap(), Some(MaxRejected::Any));
        for wrong in ["\"5\"", "0.05", "5", "\"none\""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn requests_at_once_are_bounded() {
        let read = |number: &str| {
            let text =
                format!("[connections.d]\nkind = \"epm\"\nurl = \"https://d.example\"\nparallel-requests = {number}\n");
            Config::parse(&text).map(|config| config.connections["d"].parallel_requests)
        };
        assert_eq!(read("32").unwrap(), Parallel::new(32));
        for wrong in ["0", "33", "1000", "-1"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
