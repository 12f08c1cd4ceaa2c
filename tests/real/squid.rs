//! [`Squid`]: an HTTP proxy that asks who is there.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use tempfile::TempDir;

use super::process::{Process, free_port, installed};

/// A running squid.
pub struct Squid {
    folder: TempDir,
    port: u16,
    _process: Process,
}

impl Squid {
    /// Lets that user through, with that password, and nobody else.
    pub fn start(user: &str, password: &str) -> Squid {
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        // Started by root it becomes another user, and that one writes the log.
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
        let digest = Command::new("openssl")
            .args(["passwd", "-apr1", password])
            .output()
            .unwrap();
        assert!(digest.status.success());
        let digest = String::from_utf8(digest.stdout).unwrap();
        std::fs::write(path.join("users"), format!("{user}:{digest}")).unwrap();
        let helper = installed(&["/usr/lib/squid/basic_ncsa_auth", "/usr/lib64/squid/basic_ncsa_auth"]);
        let configuration = format!(
            "http_port 127.0.0.1:{port}\n\
             visible_hostname localhost\n\
             auth_param basic program {} {}/users\n\
             auth_param basic children 2 startup=1 idle=1\n\
             auth_param basic realm tests\n\
             acl known proxy_auth REQUIRED\n\
             http_access allow known\n\
             http_access deny all\n\
             cache deny all\n\
             cache_mem 1 MB\n\
             cache_log /dev/null\n\
             cache_store_log none\n\
             logformat plain %rm %ru %>Hs %un\n\
             access_log stdio:{}/access.log logformat=plain\n\
             coredump_dir none\n\
             max_filedescriptors 1024\n\
             memory_cache_shared off\n\
             pid_filename none\n\
             pinger_enable off\n\
             shutdown_lifetime 0 seconds\n",
            helper.display(),
            path.display(),
            path.display()
        );
        std::fs::write(path.join("squid.conf"), configuration).unwrap();
        let mut command = Command::new(installed(&["/usr/sbin/squid", "/usr/local/sbin/squid"]));
        command
            .args(["-N", "-d", "1", "-f"])
            .arg(path.join("squid.conf"))
            .current_dir(path);
        let process = Process::start(&mut command, port, &path.join("said.log"));
        Squid {
            folder,
            port,
            _process: process,
        }
    }

    /// The URL of the proxy.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// `METHOD URL STATUS USER` of every request so far.
    pub fn log(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap_or_default();
        // Whoever connects and asks nothing, as to see whether it is there, stands there too.
        let asked = |line: &&str| !line.starts_with("- error:transaction-end-before-headers ");
        log.lines().filter(asked).map(str::to_owned).collect()
    }
}
