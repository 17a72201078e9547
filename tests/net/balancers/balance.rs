//! One load balancer: which servers answer, what clients and servers learn of each other, and what happens
//! when servers die.

use super::lab::{Lab, Machine, PASSWORD, Process};
use super::poll::Client;
use super::render::Wish;
use super::servers::Servers;
use crate::command::run;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

const HTTP: &str = "http-servers=web1=198.18.1.21:8080,web2=198.18.1.22:8080";

const FRONTENDS: &str = r#"
[[http-frontends]]
name = "weighted"
port = 8001
servers = [
  { name = "web1", address = "198.18.1.21", port = 8080, weight = 3 },
  { name = "web2", address = "198.18.1.22", port = 8080 },
  { name = "web3", address = "198.18.1.23", port = 8080, backup = true },
]
[[http-frontends]]
name = "cookie"
port = 8002
sticky = "cookie"
servers = ["web1=198.18.1.21:8080", "web2=198.18.1.22:8080"]
[[http-frontends]]
name = "source"
port = 8003
sticky = "source"
servers = ["web1=198.18.1.21:8080", "web2=198.18.1.22:8080"]
[[http-frontends]]
name = "proxied"
port = 8004
accept-proxy = true
send-proxy = "v2"
forwarded-for = "append"
servers = ["web1=198.18.1.21:8081"]
[[http-frontends]]
name = "secure"
port = 8443
tls = true
redirect-port = 8005
servers = ["web1=198.18.1.21:8080"]
[[tcp-frontends]]
name = "stream"
port = 9001
send-proxy = "v1"
servers = [
  { name = "web1", address = "198.18.1.21", port = 8081 },
  { name = "web2", address = "198.18.1.22", port = 8081, backup = true },
]
"#;

/// A load balancer at 198.18.1.11, servers behind it and a client at 198.18.1.100.
struct Fixture {
    servers: Servers,
    balancer: Machine,
    client: Machine,
    certificate: PathBuf,
    _haproxy: Process,
    lab: Lab,
}

impl Fixture {
    fn new(flags: &[&str], with_certificate: bool) -> Self {
        let lab = Lab::new();
        let certificate = lab.folder.join("site.pem");
        let pem = certificate_of(&certificate);
        let wish = Wish {
            profile: "haproxy-node",
            flags,
            file: if with_certificate { FRONTENDS } else { "" },
            certificate: with_certificate.then_some(&pem),
        };
        let servers = Servers::start(&lab);
        let addresses = ["198.18.1.11/24", "fd00::11/64"];
        let balancer = lab.machine("balancer", &addresses, &wish.files());
        let client = lab.machine(
            "client",
            &["198.18.1.100/24", "fd00::100/64"],
            &BTreeMap::new(),
        );
        let haproxy = balancer.haproxy();
        Self {
            servers,
            balancer,
            client,
            certificate,
            _haproxy: haproxy,
            lab,
        }
    }

    /// The names of the servers that answer `count` requests, with the number of their answers.
    fn answers(&self, count: usize, arguments: &[&str]) -> BTreeMap<String, usize> {
        let mut names = BTreeMap::new();
        for _ in 0..count {
            let output = self.client.curl(arguments);
            let name = output.split(' ').next().unwrap().to_owned();
            *names.entry(name).or_default() += 1;
        }
        names
    }
}

/// Makes a certificate and its key in one file, in the form of the setting `tls-certificate`.
pub(crate) fn certificate_of(path: &std::path::Path) -> String {
    let mut openssl = Command::new("openssl");
    openssl.args([
        "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
    ]);
    openssl.args([
        "-subj",
        "/CN=site.test",
        "-addext",
        "subjectAltName=DNS:site.test",
    ]);
    let key = path.with_extension("key");
    run(openssl.arg("-keyout").arg(&key).arg("-out").arg(path));
    let read = |path| fs_err::read_to_string(path).unwrap();
    read(path) + &read(&key)
}

fn counts(pairs: &[(&str, usize)]) -> BTreeMap<String, usize> {
    pairs
        .iter()
        .map(|&(name, count)| (name.to_owned(), count))
        .collect()
}

#[test]
fn requests_are_balanced_and_servers_are_told_who_asks() {
    let fixture = Fixture::new(&[HTTP, "https-redirect=false"], true);
    let base = "http://198.18.1.11";
    assert_eq!(
        fixture.answers(10, &[base]),
        counts(&[("web1", 5), ("web2", 5)])
    );
    let weighted = format!("{base}:8001");
    assert_eq!(
        fixture.answers(20, &[&weighted]),
        counts(&[("web1", 15), ("web2", 5)])
    );
    let over_ipv6 = fixture.client.curl(&["--globoff", "http://[fd00::11]/"]);
    assert!(
        over_ipv6.contains("for=fd00::100 proto=http port=80 "),
        "{over_ipv6}"
    );

    stays(&fixture);
    tells(&fixture);
    encrypts(&fixture);
}

/// A client with a cookie, or an address, stays with one server.
fn stays(fixture: &Fixture) {
    let jar = fixture.lab.folder.join("jar");
    let jar = jar.to_str().unwrap();
    fs_err::write(jar, "").unwrap();
    fs_err::set_permissions(jar, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let url = "http://198.18.1.11:8002";
    assert_eq!(fixture.answers(6, &[url]).len(), 2);
    assert_eq!(
        fixture
            .answers(6, &["--cookie", jar, "--cookie-jar", jar, url])
            .len(),
        1
    );
    assert_eq!(fixture.answers(6, &["http://198.18.1.11:8003"]).len(), 1);
}

/// Servers learn the client's address by header and by PROXY protocol, and a client cannot forge it.
fn tells(fixture: &Fixture) {
    let lie = [
        "--header",
        "X-Forwarded-For: 192.0.2.66",
        "http://198.18.1.11/",
    ];
    let output = fixture.client.curl(&lie);
    assert!(
        output.contains("src=198.18.1.11 for=198.18.1.100 proto=http port=80"),
        "{output}"
    );
    // The proxy in front of it is curl itself, which sends its own address. The header of the client stays.
    let url = "http://198.18.1.11:8004/";
    let output = fixture
        .client
        .curl(&["--haproxy-protocol", lie[0], lie[1], url]);
    assert!(
        output.contains("src=198.18.1.100 for=192.0.2.66, 198.18.1.100")
            || output.contains("src=198.18.1.100 for=198.18.1.100"),
        "{output}"
    );
    assert_eq!(
        fixture.client.curl(&[url]),
        "",
        "who does not say the protocol is not heard"
    );
    let output = fixture.client.curl(&["http://198.18.1.11:9001/"]);
    assert!(output.starts_with("web1 src=198.18.1.100 "), "{output}");
}

/// TLS ends at the load balancer, with HTTP/2, and a request without TLS is redirected.
fn encrypts(fixture: &Fixture) {
    let trust = ["--cacert", fixture.certificate.to_str().unwrap()];
    let resolve = [
        "--resolve",
        "site.test:443:198.18.1.11",
        "--resolve",
        "site.test:8443:198.18.1.11",
    ];
    let with = |url: &str| {
        let format = ["--write-out", " HTTP/%{http_version}", url];
        fixture
            .client
            .curl(&[&trust[..], &resolve[..], &format[..]].concat())
    };
    for (url, port) in [
        ("https://site.test/", 443),
        ("https://site.test:8443/", 8443),
    ] {
        let output = with(url);
        let expected = format!("for=198.18.1.100 proto=https port={port} version=1.1 HTTP/2");
        assert!(output.ends_with(&expected), "{output}");
    }
    let format = "%{http_code} %{redirect_url}";
    let output = fixture.client.curl(&[
        "--write-out",
        format,
        "--header",
        "Host: site.test:8005",
        "http://198.18.1.11:8005/a?b=1",
    ]);
    assert_eq!(output, "308 https://site.test:8443/a?b=1");
    let old = ["--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"];
    assert_eq!(
        fixture
            .client
            .curl(&[&trust[..], &resolve[..], &old[..], &["https://site.test/"]].concat()),
        ""
    );
}

#[test]
fn a_certificate_redirects_what_comes_without_tls() {
    let fixture = Fixture::new(&[HTTP], true);
    let format = ["--write-out", "%{http_code} %{redirect_url}"];
    let output = fixture.client.curl(
        &[
            &format[..],
            &["--header", "Host: site.test", "http://198.18.1.11/x"],
        ]
        .concat(),
    );
    assert_eq!(output, "308 https://site.test/x");
}

#[test]
fn statistics_need_the_login_and_requests_are_logged() {
    let fixture = Fixture::new(&[HTTP], false);
    for path in ["", "metrics"] {
        let url = format!("http://198.18.1.11:1338/{path}");
        let status = |login: &[&str]| {
            let format = ["--output", "/dev/null", "--write-out", "%{http_code}"];
            fixture.client.curl(&[&format[..], login, &[&url]].concat())
        };
        assert_eq!(status(&[]), "401");
        assert_eq!(status(&["--user", "admin:wrong"]), "401");
        assert_eq!(status(&["--user", &format!("admin:{PASSWORD}")]), "200");
    }
    let login = format!("admin:{PASSWORD}");
    let metrics = fixture
        .client
        .curl(&["--user", &login, "http://198.18.1.11:1338/metrics"]);
    assert!(
        metrics.contains("haproxy_server_status{proxy=\"http\",server=\"web1\""),
        "{metrics}"
    );

    assert_eq!(fixture.answers(1, &["http://198.18.1.11/find-me"]).len(), 1);
    let journal = fixture.balancer.folder.join("journal");
    fixture.balancer.settle(|| {
        let output = fs_err::read_to_string(&journal).unwrap();
        output.contains("GET /find-me HTTP/1.1")
    });

    let status = fixture
        .balancer
        .inside("/usr/lib/imgbuild/status.d/30-haproxy")
        .output()
        .unwrap();
    let status = String::from_utf8(status.stdout).unwrap();
    assert_eq!(
        status.trim().rsplit(", ").next(),
        Some("2 of 2 servers up"),
        "{status}"
    );
}

#[test]
fn servers_that_die_cost_next_to_nothing() {
    let mut fixture = Fixture::new(&[], true);
    let url = "http://198.18.1.11:8001";
    fixture
        .balancer
        .settle(|| fixture.answers(8, &[url]).len() == 2);
    let asking = Client::start(&fixture.client, url);
    fixture
        .balancer
        .settle(|| fixture.answers(8, &[url]).len() == 2);
    fixture.servers.kill("web1");
    fixture
        .balancer
        .settle(|| fixture.answers(8, &[url]) == counts(&[("web2", 8)]));
    let requests = asking.stop();
    println!("one server of two killed: {requests:?}");
    assert!(
        requests.well && requests.failed <= 2 && requests.all > 2,
        "{requests:?}"
    );

    // Without any server, clients wait until both are known to be dead; then the backup server answers.
    let asking = Client::start(&fixture.client, url);
    fixture.servers.kill("web2");
    fixture
        .balancer
        .settle(|| fixture.answers(8, &[url]) == counts(&[("web3", 8)]));
    fixture.servers.revive("web1");
    fixture
        .balancer
        .settle(|| fixture.answers(8, &[url]) == counts(&[("web1", 8)]));
    let requests = asking.stop();
    println!("the other one killed too: {requests:?}");
    assert!(requests.well && requests.outage < 6.0, "{requests:?}");
}
