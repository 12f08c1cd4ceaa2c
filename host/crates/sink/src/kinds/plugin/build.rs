//! Sink plugins as they are configured or typed.

use std::sync::Arc;

use super::config::{PluginConfig, PluginTransport};
use super::sink::{PluginOptions, PluginSink};
use super::stream::StreamTransport;
use crate::kinds::destination::{addressed, shown, whole};
use crate::kinds::file::growing_file;
use crate::kinds::stdout::StdoutSink;
use crate::kinds::{BuildContext, SinkConfig, SinkContext};
use crate::{ByteTransport, Format, Renderer, Sink};
use base::{ErrorKind, SetupError};
use connection::Connection;
use event::Encoding;
use remote::{Dialer, Remote};
use sandbox::{Input, SinkPlugin};

impl SinkConfig for PluginConfig {
    fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// A plugin that takes events and no documents gets the members of the flat event.
    fn encoding_of_drop(&self, context: &SinkContext<'_>) -> Result<Encoding, SetupError> {
        match context.surroundings.plugin(&self.plugin)?.describe().input {
            Input::Events => Ok(Encoding::Event),
            Input::Documents => Ok(self.encoding),
        }
    }

    fn endpoint(&self) -> Option<&Connection> {
        self.endpoint.as_ref()
    }

    fn check(&self, context: &SinkContext<'_>) -> Result<(), SetupError> {
        if let Some(PluginTransport::Syslog(syslog)) = &self.transport {
            syslog.check(context)?;
        }
        check_config(context.name, &context.surroundings.plugin(&self.plugin)?, &self.json()?)?;
        match &self.endpoint {
            Some(endpoint) => context.server(endpoint).check(),
            None => Ok(()),
        }
    }

    fn build(&self, context: &BuildContext<'_>) -> Result<Box<dyn Sink>, SetupError> {
        let plugin = context.sink.surroundings.plugin(&self.plugin)?;
        let transport = self.transport(context)?;
        let options = PluginOptions {
            config: self.json()?,
            endpoint: match &self.endpoint {
                Some(endpoint) => Some(remote(context, endpoint)?),
                None => None,
            },
            transport,
            encoding: context.rendering.clone(),
        };
        open(context, plugin, options)
    }

    fn about(&self, _: &SinkContext<'_>) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("plugin {} to {}", self.plugin, shown(&endpoint.url)),
            None => format!("plugin {}", self.plugin),
        }
    }

    fn destination(&self, context: &SinkContext<'_>) -> String {
        let own = match self.config.is_empty() {
            true => None,
            false => toml::to_string(&self.config).ok(),
        };
        let kind = format!("plugin {}", self.plugin);
        match (&self.endpoint, &self.transport) {
            (Some(endpoint), _) => addressed(&kind, &endpoint.url, own.as_deref()),
            (None, None | Some(PluginTransport::Stdout)) => kind + " to stdout",
            (None, Some(PluginTransport::File { path })) => format!("{kind} to {}", whole(context, path)),
            (None, Some(PluginTransport::Tcp { address } | PluginTransport::Tls { address, .. })) => {
                format!("{kind} to {address}")
            }
            (None, Some(PluginTransport::Syslog(syslog))) => format!("{kind} to {}", syslog.address),
        }
    }
}

impl PluginConfig {
    /// The plugin's own configuration, as JSON.
    fn json(&self) -> Result<String, SetupError> {
        serde_json::to_string(&self.config).map_err(|error| SetupError::new(ErrorKind::Internal, error.to_string()))
    }

    /// The transport of the plugin's bytes.
    fn transport(&self, context: &BuildContext<'_>) -> Result<Box<dyn ByteTransport>, SetupError> {
        let name = context.name();
        Ok(match &self.transport {
            // With an endpoint it may never be written to.
            None if self.endpoint.is_some() => Box::new(stdout(context)),
            None | Some(PluginTransport::Stdout) => {
                context.sink.surroundings.stdout_is_open()?;
                Box::new(stdout(context))
            }
            Some(PluginTransport::File { path }) => {
                Box::new(growing_file(context, &["transport", "path"], path, raw(context))?)
            }
            Some(PluginTransport::Tcp { address }) => {
                Box::new(StreamTransport::new(name, Dialer::new(address.clone(), None)?))
            }
            Some(PluginTransport::Tls {
                address,
                ca_file,
                system_authorities,
                client_certificate,
                client_key,
            }) => {
                let files = (context.sink).tls_files(ca_file, *system_authorities, client_certificate, client_key);
                files.check()?;
                let dialer = Dialer::new(address.clone(), Some(Arc::new(files.client()?)))?;
                Box::new(StreamTransport::new(name, dialer))
            }
            Some(PluginTransport::Syslog(syslog)) => Box::new(syslog.transport(context)?),
        })
    }
}

/// A `.wasm` sink that was named on the command line: its bytes go to standard output, and it has no endpoint.
#[derive(Debug, Clone, Copy)]
pub struct AdHocPlugin<'a> {
    /// The file.
    pub path: &'a str,
    /// The plugin's own configuration, a JSON text.
    pub config: &'a str,
}

impl AdHocPlugin<'_> {
    /// Opens the plugin.
    ///
    /// # Errors
    ///
    /// Where it cannot be loaded, or refuses what it is told.
    pub fn build(&self, context: &BuildContext<'_>) -> Result<Box<dyn Sink>, SetupError> {
        let surroundings = context.sink.surroundings;
        surroundings.stdout_is_open()?;
        let plugin = surroundings.plugin(self.path)?;
        let options = PluginOptions {
            config: self.config.to_owned(),
            endpoint: None,
            transport: Box::new(stdout(context)),
            encoding: context.rendering.clone(),
        };
        open(context, plugin, options)
    }
}

fn open(context: &BuildContext<'_>, plugin: SinkPlugin, options: PluginOptions) -> Result<Box<dyn Sink>, SetupError> {
    check_config(context.name(), &plugin, &options.config)?;
    let opened = PluginSink::open(context.name(), plugin, options, context.provenance())?;
    Ok(Box::new(opened))
}

fn remote(context: &BuildContext<'_>, endpoint: &Connection) -> Result<Arc<Remote>, SetupError> {
    let mut settings = context.sink.server(endpoint).settings()?;
    if context.checking {
        // Whoever asks whether it is there wants to know now.
        settings.retry.attempts = 1;
    }
    Ok(Arc::new(Remote::new(settings)?))
}

fn stdout(context: &BuildContext<'_>) -> StdoutSink {
    context.sink.surroundings.stdout(raw(context))
}

/// Bytes as they are: nothing is rendered, so nothing is put before or after them.
fn raw(context: &BuildContext<'_>) -> Renderer {
    Renderer::new(Format::Ndjson, Encoding::default(), context.provenance())
}

/// Holds a configuration against the plugin's schema.
fn check_config(sink: &str, plugin: &SinkPlugin, config: &str) -> Result<(), SetupError> {
    let value = serde_json::from_str(config)
        .map_err(|error| SetupError::usage(format!("the config of sink {sink} is not JSON: {error}")))?;
    let mistakes = plugin.config_mistakes(&value)?;
    if mistakes.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    Err(
        SetupError::usage(format!("the config of sink {sink} is wrong: {}", lines.join("; "))).hint(format!(
            "`host plugin inspect {}` shows what it understands",
            plugin.describe().name
        )),
    )
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::Verdict;
    use crate::kinds::context::with_test_context;
    use event::{Product, Provenance, Rendering};

    fn transport(config: &str) -> Result<Box<dyn ByteTransport>, SetupError> {
        let config: PluginConfig = toml::from_str(config).unwrap();
        with_test_context(|sink| {
            config.transport(&BuildContext {
                sink: *sink,
                provenance: &Arc::new(Provenance::new("check", "check", "check", Product::epm_cloud())),
                rendering: &Rendering::default(),
                checking: false,
            })
        })
    }

    #[tokio::test]
    async fn a_plugin_s_bytes_go_where_its_transport_says() {
        for (kind, more, expected) in [
            ("tcp", "", "a line\n"),
            ("syslog", ", facility = \"audit\"", " check - a line"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let config =
                format!("plugin = \"cef\"\ntransport = {{ kind = \"{kind}\", address = \"{address}\"{more} }}");
            let mut transport = transport(&config).unwrap();
            let reader = std::thread::spawn(move || std::io::read_to_string(listener.accept().unwrap().0).unwrap());
            assert_eq!(transport.write(b"a line\n").await.unwrap(), Verdict::Accepted);
            transport.close().await.unwrap();
            let text = reader.join().unwrap();
            assert!(text.ends_with(expected), "{kind}: {text:?}");
            assert_eq!(kind == "syslog", text.contains("<109>1 "), "{text:?}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_a_mistake() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("none.pem").display().to_string();
        for (transport_of, said) in [
            ("kind = \"syslog\", encoding = \"ocsf\"", "has an encoding"),
            ("kind = \"syslog\", ca-file = \"ca.pem\"", "files for TLS"),
            (
                "kind = \"syslog\", transport = \"udp\", framing = \"newline\"",
                "a datagram is one message",
            ),
            ("kind = \"tls\", system-authorities = true", "no `ca-file`"),
            ("kind = \"tls\", client-key = \"key.pem\"", "only one of"),
            (
                "kind = \"syslog\", transport = \"tls\", client-certificate = \"a.pem\"",
                "only one of",
            ),
            (&format!("kind = \"tls\", ca-file = \"{missing}\""), "there is no file"),
        ] {
            let config = format!("plugin = \"cef\"\ntransport = {{ address = \"localhost:514\", {transport_of} }}");
            let failure = transport(&config).err().unwrap();
            assert_eq!(failure.kind, ErrorKind::Usage);
            let message = failure.message;
            assert!(message.contains(said), "{message}");
        }
    }
}
