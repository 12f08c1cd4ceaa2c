//! [`Nginx`]: one server block in front of something else.

use std::process::Command;

use tempfile::TempDir;

use super::certificates::Certified;
use super::process::{Process, installed};

/// A running nginx.
pub struct Nginx {
    folder: TempDir,
    _process: Process,
}

impl Nginx {
    /// Listens at the port; `server` is what stands in its server block besides `listen`, `http` what stands beside it.
    pub fn start(port: u16, http: &str, server: &str) -> Nginx {
        Nginx::listen(tempfile::tempdir().unwrap(), port, "", http, server)
    }

    /// Starts a server with TLS.
    pub fn with_tls(port: u16, identity: &Certified, http: &str, server: &str) -> Nginx {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("server.pem"), &identity.certificate).unwrap();
        std::fs::write(folder.path().join("server.key"), &identity.key).unwrap();
        let server = format!("ssl_certificate server.pem; ssl_certificate_key server.key; {server}");
        Nginx::listen(folder, port, "ssl", http, &server)
    }

    fn listen(folder: TempDir, port: u16, tls: &str, http: &str, server: &str) -> Nginx {
        // Whatever is not named here would lie below /var.
        let configuration = format!(
            "daemon off; master_process off; pid nginx.pid; error_log stderr notice;\n\
             events {{ worker_connections 64; }}\n\
             http {{\n\
             client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;\n\
             log_format plain '$request_method $request_uri $status proxy-authorization=$http_proxy_authorization';\n\
             access_log access.log plain;\n\
             proxy_set_header Host $http_host;\n\
             {http}\n\
             server {{ listen 127.0.0.1:{port} {tls}; {server} }}\n\
             }}\n"
        );
        let path = folder.path().join("nginx.conf");
        std::fs::write(&path, configuration).unwrap();
        let mut command = Command::new(installed(&[
            "/usr/sbin/nginx",
            "/usr/bin/nginx",
            "/usr/local/sbin/nginx",
        ]));
        command
            .arg("-p")
            .arg(folder.path())
            .arg("-c")
            .arg(&path)
            .args(["-e", "stderr"]);
        let process = Process::start(&mut command, port, &folder.path().join("said.log"));
        Nginx {
            folder,
            _process: process,
        }
    }

    /// `METHOD URI STATUS proxy-authorization=…` of every request so far.
    pub fn log(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap();
        log.lines().map(str::to_owned).collect()
    }
}
