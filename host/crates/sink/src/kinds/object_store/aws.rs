//! The source of the credential for a bucket, by the conventions of AWS's own tools: the environment, a role, a profile.

use url::Url;

use super::config::{CredentialSource, ObjectStoreConfig};
use super::credentials::{Credentials, METADATA, instance_url};
use super::profile::Profile;
use crate::kinds::SinkContext;
use base::{SetupError, secret_file};
use connection::Environment;

/// Refuses keys about credentials that do not go together.
pub(super) fn check(context: &SinkContext<'_>, set: &ObjectStoreConfig) -> Result<(), SetupError> {
    let usage = |problem: &str, hint: &str| Err(context.usage(problem).hint(hint));
    if set.access_key_id.is_some() != set.secret_access_key.is_some() {
        let problem = "it has only one of `access-key-id` and `secret-access-key`";
        return usage(
            problem,
            "give both, or leave both out and say where they come from with `credentials`",
        );
    }
    if set.access_key_id.is_some() && set.credentials.is_some() {
        let problem = "`access-key-id` and `credentials` are two credentials";
        return usage(problem, "leave one of them out");
    }
    if set.access_key_id.is_none() && set.session_token.is_some() {
        return usage("`session-token` belongs to an `access-key-id`", "leave it out");
    }
    use CredentialSource::{Default, Instance, Profile, WebIdentity};
    let source = set.credentials.unwrap_or_default();
    for (key, is_set, own) in [
        ("profile", set.profile.is_some(), Profile),
        ("role-arn", set.role_arn.is_some(), WebIdentity),
        (
            "web-identity-token-file",
            set.web_identity_token_file.is_some(),
            WebIdentity,
        ),
        ("sts-endpoint", set.sts_endpoint.is_some(), WebIdentity),
        ("metadata-endpoint", set.metadata_endpoint.is_some(), Instance),
    ] {
        if is_set && (set.access_key_id.is_some() || (source != own && source != Default)) {
            return usage(&format!("`{key}` is for other `credentials`"), "leave one of them out");
        }
    }
    if let Some(url) = &set.metadata_endpoint
        && let Err(problem) = instance_url(url)
    {
        return usage(&problem, "name an address of this machine, or one with https");
    }
    Ok(())
}

/// The bucket's region.
pub(super) fn region(set: &ObjectStoreConfig, environment: Environment<'_>) -> String {
    let own = || match set.access_key_id {
        Some(_) => None,
        None => environment("AWS_REGION").or_else(|| environment("AWS_DEFAULT_REGION")),
    };
    let of_profile = || match (set.access_key_id.as_ref(), set.credentials) {
        (None, None | Some(CredentialSource::Default | CredentialSource::Profile)) => {
            Profile::read(set, environment).ok()?.get("region")
        }
        _ => None,
    };
    let set = set.region.clone();
    set.or_else(own)
        .or_else(of_profile)
        .unwrap_or_else(|| "us-east-1".into())
}

/// The credential of the bucket of that sink.
///
/// # Errors
///
/// Fails where there are no credentials, or where the file that proves who asks is no secret.
pub(super) fn credentials(
    context: &SinkContext<'_>,
    set: &ObjectStoreConfig,
    environment: Environment<'_>,
) -> Result<Credentials, SetupError> {
    let found = choose(context, set, environment)?;
    if let Credentials::WebIdentity { token_file, .. } | Credentials::Pod { token_file, .. } = &found {
        secret_file::admitted(token_file).map_err(|refusal| {
            SetupError::usage(format!(
                "sink {}: the token of its role: {}",
                context.name, refusal.reason
            ))
            .hint(refusal.hint)
        })?;
    }
    Ok(found)
}

fn choose(
    context: &SinkContext<'_>,
    set: &ObjectStoreConfig,
    environment: Environment<'_>,
) -> Result<Credentials, SetupError> {
    let sources = Sources {
        context,
        set,
        environment,
    };
    let source = set.credentials.unwrap_or_default();
    let found = match source {
        CredentialSource::Environment => sources.environment(),
        CredentialSource::WebIdentity => sources.web_identity(),
        CredentialSource::Profile => sources.profile(true)?,
        CredentialSource::Container => sources.container()?,
        CredentialSource::Instance => Some(sources.instance()?),
        CredentialSource::Default => match sources.environment().or_else(|| sources.web_identity()) {
            Some(found) => Some(found),
            None => match sources.profile(set.profile.is_some() || (environment)("AWS_PROFILE").is_some())? {
                Some(found) => Some(found),
                None => match sources.container()? {
                    Some(found) => Some(found),
                    None => Some(sources.instance()?),
                },
            },
        },
    };
    found.ok_or_else(|| {
        let missing = match source {
            CredentialSource::Environment => "$AWS_ACCESS_KEY_ID or $AWS_SECRET_ACCESS_KEY is not set",
            CredentialSource::WebIdentity => "the role or the file with its token is not named",
            CredentialSource::Container => {
                "no $AWS_CONTAINER_CREDENTIALS_… is set, as in a task of ECS or a pod of EKS"
            }
            _ => "there is none",
        };
        SetupError::usage(format!("sink {} has no credential: {missing}", context.name))
            .hint("set it, or choose other `credentials`")
    })
}

struct Sources<'a> {
    context: &'a SinkContext<'a>,
    set: &'a ObjectStoreConfig,
    environment: Environment<'a>,
}

impl Sources<'_> {
    fn environment(&self) -> Option<Credentials> {
        let of = self.environment;
        Some(Credentials::Key {
            id: of("AWS_ACCESS_KEY_ID")?,
            secret: of("AWS_SECRET_ACCESS_KEY")?.into(),
            token: of("AWS_SESSION_TOKEN").map(Into::into),
        })
    }

    fn web_identity(&self) -> Option<Credentials> {
        let (set, of) = (self.set, self.environment);
        let token_file = set.web_identity_token_file.as_ref();
        Some(Credentials::WebIdentity {
            role: set.role_arn.clone().or_else(|| of("AWS_ROLE_ARN"))?,
            token_file: match token_file {
                Some(path) => self.context.path(path),
                None => of("AWS_WEB_IDENTITY_TOKEN_FILE")?.into(),
            },
            session: of("AWS_ROLE_SESSION_NAME"),
            endpoint: self.sts(),
        })
    }

    fn sts(&self) -> Option<Url> {
        let told = || (self.environment)("AWS_ENDPOINT_URL_STS")?.parse().ok();
        self.set.sts_endpoint.clone().or_else(told)
    }

    /// The credential of the profile; none where the profile is not there and need not be.
    fn profile(&self, needed: bool) -> Result<Option<Credentials>, SetupError> {
        let failed = |problem: String, hint: &str| self.context.usage(problem).hint(hint);
        let profile = Profile::read(self.set, self.environment).map_err(|(path, problem)| {
            failed(
                format!("{}: {problem}", path.display()),
                "make it readable by you alone",
            )
        })?;
        let name = &profile.name;
        if let (Some(id), Some(secret)) = (profile.get("aws_access_key_id"), profile.get("aws_secret_access_key")) {
            return Ok(Some(Credentials::Key {
                id,
                secret: secret.into(),
                token: profile.get("aws_session_token").map(Into::into),
            }));
        }
        if let (Some(role), Some(file)) = (profile.get("role_arn"), profile.get("web_identity_token_file")) {
            return Ok(Some(Credentials::WebIdentity {
                role,
                token_file: file.into(),
                session: profile.get("role_session_name"),
                endpoint: self.sts(),
            }));
        }
        let beyond = [
            "source_profile",
            "credential_source",
            "credential_process",
            "sso_session",
            "sso_start_url",
        ];
        if let Some(way) = beyond.into_iter().find(|key| profile.get(key).is_some()) {
            return Err(failed(
                format!("the profile {name:?} gets its credential by `{way}`, which is not supported"),
                "have `aws configure export-credentials` print it, and name that under `secret-access-key`",
            ));
        }
        match needed {
            true => Err(failed(
                format!("there is no profile {name:?} with a key in {}", profile.places()),
                "`aws configure list-profiles` shows which there are",
            )),
            false => Ok(None),
        }
    }

    fn container(&self) -> Result<Option<Credentials>, SetupError> {
        let of = self.environment;
        if let Some(path) = of("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            return Ok(Some(Credentials::Task { path }));
        }
        let (Some(url), Some(file)) = (
            of("AWS_CONTAINER_CREDENTIALS_FULL_URI"),
            of("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
        ) else {
            return Ok(None);
        };
        Ok(Some(Credentials::Pod {
            url: self.nearby("$AWS_CONTAINER_CREDENTIALS_FULL_URI", &url)?,
            token_file: file.into(),
        }))
    }

    fn instance(&self) -> Result<Credentials, SetupError> {
        let named = || (self.environment)("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        let endpoint = match (&self.set.metadata_endpoint, named()) {
            (Some(url), _) => Some(url.clone()),
            (None, Some(url)) => Some(self.nearby("$AWS_EC2_METADATA_SERVICE_ENDPOINT", &url)?),
            (None, None) => None,
        };
        if (self.environment)("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Err(SetupError::usage(format!(
                "sink {} has no credential, and $AWS_EC2_METADATA_DISABLED forbids to ask {METADATA}",
                self.context.name
            ))
            .hint("give `access-key-id` and `secret-access-key`, or say with `credentials` where they come from"));
        }
        Ok(Credentials::Instance { endpoint })
    }

    fn nearby(&self, variable: &str, url: &str) -> Result<Url, SetupError> {
        let parsed = url.parse::<Url>().map_err(|error| error.to_string());
        let checked = parsed.and_then(|url| instance_url(&url).map(|()| url));
        checked.map_err(|problem| self.context.usage(format!("{variable}: {problem}")))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::kinds::context::with_test_context;

    /// The credential that a bucket gets with these settings in an environment, as text: secrets are not shown.
    fn found(settings: &str, variables: &[(&str, &str)]) -> Result<String, String> {
        let set: ObjectStoreConfig = toml::from_str(&format!("url = \"s3://audit\"\n{settings}")).unwrap();
        let environment = |name: &str| {
            let known = variables.iter().find(|(known, _)| *known == name);
            known.map(|(_, value)| (*value).to_owned())
        };
        with_test_context(|context| {
            check(context, &set)
                .and_then(|()| choose(context, &set, &environment))
                .map(|credentials| format!("{credentials:?} {}", region(&set, &environment)))
                .map_err(|failure| format!("{failure:?}"))
        })
    }

    const KEY: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIAENV"), ("AWS_SECRET_ACCESS_KEY", "canary")];
    const ROLE: [(&str, &str); 2] = [
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/env"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token"),
    ];

    #[test]
    fn each_source_has_the_names_that_aws_gives_it() {
        let none: &[(&str, &str)] = &[("HOME", "/nowhere")];
        let relative = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")];
        let full = [
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "http://169.254.170.23/v1/credentials",
            ),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/run/pod"),
        ];
        for (settings, variables, expected) in [
            ("credentials = \"environment\"", &KEY[..], "Key { id: \"AKIAENV\""),
            (
                "credentials = \"web-identity\"",
                &ROLE,
                "role: \"arn:aws:iam::1:role/env\"",
            ),
            (
                "credentials = \"web-identity\"\nrole-arn = \"arn:x\"\nweb-identity-token-file = \"/t\"",
                none,
                "role: \"arn:x\", token_file: \"/t\"",
            ),
            ("credentials = \"container\"", &relative, "Task { path: \"/v2/x\""),
            ("credentials = \"container\"", &full, "Pod {"),
            ("credentials = \"instance\"", none, "Instance { endpoint: None"),
            (
                "credentials = \"instance\"",
                &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1338")],
                "127.0.0.1",
            ),
            // Whoever says nothing gets the first that there is.
            ("", &KEY, "Key {"),
            ("", &[KEY[0], KEY[1], ROLE[0], ROLE[1]], "Key {"),
            ("", &[ROLE[0], ROLE[1], relative[0]], "WebIdentity {"),
            ("", &relative, "Task {"),
            ("", none, "Instance {"),
            ("", &[("AWS_REGION", "eu-central-1")], " eu-central-1"),
            (
                "region = \"eu-west-1\"",
                &[("AWS_REGION", "eu-central-1")],
                " eu-west-1",
            ),
            ("", none, " us-east-1"),
        ] {
            let found = found(settings, variables).unwrap();
            assert!(found.contains(expected), "{settings}: {found}");
            assert!(!found.contains("canary"), "{found}");
        }
    }

    #[test]
    fn a_token_that_everybody_may_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("token");
        fs::write(&token, "canary").unwrap();
        let set: ObjectStoreConfig =
            toml::from_str("url = \"s3://b/p\"\ncredentials = \"web-identity\"\nrole-arn = \"arn:x\"").unwrap();
        let environment =
            |name: &str| (name == "AWS_WEB_IDENTITY_TOKEN_FILE").then(|| token.to_str().unwrap().to_owned());
        for (mode, taken) in [(0o600, true), (0o640, true), (0o644, false), (0o660, false)] {
            fs::set_permissions(&token, fs::Permissions::from_mode(mode)).unwrap();
            let found = with_test_context(|context| credentials(context, &set, &environment));
            assert_eq!(found.is_ok(), taken, "{mode:o}: {found:?}");
        }
    }

    #[test]
    fn a_source_that_has_nothing_is_told() {
        let none: &[(&str, &str)] = &[("HOME", "/nowhere")];
        for (settings, variables, words) in [
            ("credentials = \"environment\"", none, "AWS_ACCESS_KEY_ID"),
            ("credentials = \"environment\"", &KEY[..1], "AWS_SECRET_ACCESS_KEY"),
            ("credentials = \"web-identity\"", none, "the role"),
            ("credentials = \"container\"", none, "AWS_CONTAINER_CREDENTIALS"),
            ("credentials = \"profile\"\nprofile = \"audit\"", none, "no profile"),
            ("profile = \"audit\"", none, "no profile"),
            (
                "",
                &[("AWS_EC2_METADATA_DISABLED", "true")],
                "AWS_EC2_METADATA_DISABLED",
            ),
            (
                "credentials = \"instance\"",
                &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://10.0.0.1")],
                "without TLS",
            ),
        ] {
            let problem = found(settings, variables).unwrap_err();
            assert!(problem.contains(words), "{settings}: {problem}");
        }
    }

    #[test]
    fn a_profile_is_read_from_both_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let credentials = write(
            "credentials",
            "# keys\n[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key=canary\n\n\
             [audit]\naws_access_key_id=AKIAAUDIT # ours\naws_secret_access_key = canary==\naws_session_token = canary\n",
        );
        let config = write(
            "config",
            "[default]\nregion = eu-north-1\n[profile audit]\nregion = eu-west-3\ns3 =\n  max_concurrent_requests = 20\n\
             [profile role]\nrole_arn = arn:aws:iam::1:role/x\nweb_identity_token_file = /run/t\n\
             [profile other]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = audit\n\
             [profile sso]\nsso_session = x\n",
        );
        let variables = [
            ("AWS_SHARED_CREDENTIALS_FILE", credentials.as_str()),
            ("AWS_CONFIG_FILE", config.as_str()),
        ];
        for (settings, expected) in [
            ("", "AKIADEFAULT"),
            ("", " eu-north-1"),
            ("credentials = \"profile\"\nprofile = \"audit\"", "AKIAAUDIT\""),
            ("profile = \"audit\"", "token: Some"),
            ("profile = \"audit\"", " eu-west-3"),
            ("profile = \"role\"", "token_file: \"/run/t\""),
        ] {
            let found = found(settings, &variables).unwrap();
            assert!(found.contains(expected), "{settings}: {found}");
            assert!(!found.contains("canary"), "{found}");
        }
        for (profile, words) in [
            ("other", "source_profile"),
            ("sso", "sso_session"),
            ("absent", "no profile"),
        ] {
            let problem = found(&format!("profile = \"{profile}\""), &variables).unwrap_err();
            assert!(problem.contains(words), "{problem}");
        }
        // What others may read is nobody's secret.
        fs::set_permissions(&credentials, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(found("profile = \"audit\"", &variables).is_err());
    }
}
