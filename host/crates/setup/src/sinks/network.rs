//! Sinks and transports that speak their own protocol: syslog, OTLP, plain TCP and TLS.

use std::sync::Arc;

use super::open::SinkFactory;
use super::tls::{TlsFiles, files_of};
use crate::config::{self, Config, Transport};
use crate::{SetupError, connections};
use base::ErrorKind;
use event::Rendering;
use remote::{Dialer, HostPort};
use sink::{
    self, Carrier, Framing, OtlpOptions, OtlpSink, StreamTransport, SyslogOptions, SyslogSink, SyslogTransport,
};

/// The way to a receiver over TLS.
fn over_tls(files: TlsFiles<'_>, place: &HostPort) -> Result<Dialer, SetupError> {
    files.check()?;
    Ok(Dialer::new(place.clone(), Some(Arc::new(files.client()?)))?)
}

/// Whether a syslog receiver is configured so that it can be asked.
pub(super) fn check(config: &Config, name: &str, syslog: &config::SyslogSink) -> Result<(), SetupError> {
    syslog_dialer(config, name, syslog).map(|_| ())
}

fn syslog_dialer(config: &Config, name: &str, syslog: &config::SyslogSink) -> Result<Dialer, SetupError> {
    if syslog.transport == Carrier::Udp && syslog.framing == Framing::Newline {
        return Err(SetupError::usage(format!(
            "sink {name} has `framing`, and a datagram is one message anyway"
        ))
        .hint("leave out `framing`, or set transport = \"tcp\" or \"tls\""));
    }
    let files = files_of!(config, name, syslog);
    if syslog.transport == Carrier::Tls {
        return over_tls(files, &syslog.address);
    }
    if files.any() {
        return Err(
            SetupError::usage(format!("sink {name} has files for TLS and does not use it"))
                .hint("set transport = \"tls\", or leave out ca-file, client-certificate and client-key"),
        );
    }
    Ok(Dialer::new(syslog.address.clone(), None)?)
}

fn syslog_options(
    config: &Config,
    name: &str,
    syslog: &config::SyslogSink,
    encoding: Rendering,
) -> Result<SyslogOptions, SetupError> {
    Ok(SyslogOptions {
        dialer: syslog_dialer(config, name, syslog)?,
        carrier: syslog.transport,
        framing: syslog.framing,
        header: syslog.header,
        facility: syslog.facility,
        app_name: syslog
            .app_name
            .clone()
            .unwrap_or_else(|| SyslogOptions::APP_NAME.into()),
        hostname: syslog.hostname.clone(),
        max_message: syslog.max_message.map(usize::from),
        encoding,
    })
}

impl SinkFactory<'_> {
    pub(super) fn syslog(
        &self,
        name: &str,
        syslog: &config::SyslogSink,
        encoding: Rendering,
    ) -> Result<SyslogSink, SetupError> {
        let options = syslog_options(self.config, name, syslog, encoding)?;
        Ok(SyslogSink::new(name, &options, Arc::clone(self.provenance)))
    }

    pub(super) fn otlp(
        &self,
        name: &str,
        otlp: &config::OtlpSink,
        encoding: Rendering,
    ) -> Result<OtlpSink, SetupError> {
        let default = OtlpOptions::default();
        let options = OtlpOptions {
            protocol: otlp.protocol,
            compression: otlp.compression,
            encoding,
            batch_events: otlp.batch_events.map_or(default.batch_events, usize::from),
        };
        let settings = connections::of_endpoint(name, &otlp.endpoint, self.config)?;
        Ok(OtlpSink::new(name, settings, options, Arc::clone(self.provenance))?)
    }

    /// Where the bytes of a plugin go, where that is over the network.
    pub(super) fn network_transport(
        &self,
        name: &str,
        transport: &Transport,
    ) -> Result<Box<dyn sink::Transport>, SetupError> {
        Ok(match transport {
            Transport::Tcp { address } => Box::new(StreamTransport::new(name, Dialer::new(address.clone(), None)?)),
            Transport::Tls {
                address,
                ca_file,
                system_authorities,
                client_certificate,
                client_key,
            } => {
                let files = TlsFiles {
                    config: self.config,
                    sink: name,
                    ca_file: ca_file.as_ref(),
                    system_authorities: *system_authorities,
                    client_certificate: client_certificate.as_ref(),
                    client_key: client_key.as_ref(),
                };
                Box::new(StreamTransport::new(name, over_tls(files, address)?))
            }
            Transport::Syslog(syslog) => {
                if syslog.encoding.is_some() {
                    return Err(SetupError::usage(format!(
                        "the transport of sink {name} has an encoding, which the plugin decides"
                    ))
                    .hint("leave it out"));
                }
                let options = syslog_options(self.config, name, syslog, Rendering::default())?;
                Box::new(SyslogTransport::new(name, &options, self.provenance))
            }
            Transport::Stdout | Transport::File { .. } => {
                return Err(SetupError::new(
                    ErrorKind::Internal,
                    format!("the transport of sink {name} is no network"),
                ));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::config::SinkKind;
    use crate::sinks::nobody;
    use sink::Verdict;

    fn config(sink: &str) -> Config {
        Config::parse(&format!("[sinks.s]\n{sink}\n")).unwrap()
    }

    fn transport(config: &Config) -> Result<Box<dyn sink::Transport>, SetupError> {
        let SinkKind::Plugin(plugin) = &config.sinks["s"].kind else {
            panic!("no plugin");
        };
        let provenance = nobody();
        let opener = SinkFactory {
            config,
            provenance: &provenance,
            checking: false,
        };
        opener.network_transport("s", plugin.transport.as_ref().unwrap())
    }

    #[tokio::test]
    async fn a_plugin_s_bytes_go_where_its_transport_says() {
        for (kind, more, expected) in [
            ("tcp", "", "a line\n"),
            ("syslog", ", facility = \"audit\"", " check - a line"),
        ] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = listener.local_addr().unwrap();
            let config = config(&format!(
                "plugin = \"cef\"\ntransport = {{ kind = \"{kind}\", address = \"{address}\"{more} }}"
            ));
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
            let config = config(&format!(
                "plugin = \"cef\"\ntransport = {{ address = \"localhost:514\", {transport_of} }}"
            ));
            let failure = transport(&config).err().unwrap();
            assert_eq!(failure.kind, ErrorKind::Usage);
            let message = failure.message;
            assert!(message.contains(said), "{message}");
        }
    }

    #[test]
    fn a_misspelt_address_or_facility_is_found_when_the_file_is_read() {
        for (sink, said) in [
            ("kind = \"syslog\"\naddress = \"siem.example.com\"", "HOST:PORT"),
            (
                "kind = \"syslog\"\naddress = \"s:1\"\nfacility = \"secret\"",
                "facility",
            ),
            (
                "kind = \"syslog\"\naddress = \"s:1\"\ntransport = \"http\"",
                "transport",
            ),
            (
                "kind = \"otlp\"\nendpoint = { url = \"https://o\" }\nprotocol = \"json\"",
                "protocol",
            ),
        ] {
            let error = Config::parse(&format!("[sinks.s]\n{sink}\n")).unwrap_err().to_string();
            assert!(error.contains(said) || error.contains("unknown variant"), "{error}");
        }
    }
}
