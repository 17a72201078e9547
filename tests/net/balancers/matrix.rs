//! HAProxy, keepalived and nftables accept the files of all settings.

use super::balance::certificate_of;
use super::lab::Lab;
use super::render::Wish;
use crate::command::run;

const SERVERS: &str = "http-servers=web1=10.0.0.11:8080,web2=[2001:db8::1]:80,web3=web3.example:80";

/// A settings file with a front end for each value of each field of a front end.
fn frontends() -> String {
    let servers = r#"servers = [
  { name = "a", address = "10.0.0.1", port = 80, weight = 0, backup = true },
  { name = "b.c_d-e", address = "2001:db8::2", port = 65535, weight = 256 },
  { name = "s3", address = "a.b.example", port = 1 },
]"#;
    let http: Vec<String> = [
        "roundrobin",
        "leastconn",
        "random",
        "source",
        "uri",
        "first",
    ]
    .iter()
    .map(|word| format!("balance = \"{word}\""))
    .chain(["no", "cookie", "source"].map(|word| format!("sticky = \"{word}\"\ntls = true")))
    .chain(["no", "v1", "v2"].map(|word| format!("send-proxy = \"{word}\"\naccept-proxy = true")))
    .chain(["replace", "append", "no"].map(|word| format!("forwarded-for = \"{word}\"")))
    .chain([
        "bind = \"::1\"".to_owned(),
        "bind = \"10.0.0.9\"\ntls = true\nredirect-port = 7001".to_owned(),
        "redirect-port = 7002\ntimeout = 604800".to_owned(),
        "check = \"/a?b=%20&c=%7B()$;!*+,@~\"\ncheck-host = \"shop.example\"".to_owned(),
        "check-expect = [\"200\", \"204-299\", \"418\"]\ntimeout = 1".to_owned(),
        "servers = []".to_owned(),
    ])
    .collect();
    let tcp = ["roundrobin", "leastconn", "random", "source", "first"]
        .map(|word| format!("balance = \"{word}\"\nsticky = \"source\""))
        .into_iter()
        .chain(
            ["v1", "v2"]
                .map(|word| format!("send-proxy = \"{word}\"\naccept-proxy = true\ntls = true")),
        );
    let mut text = String::new();
    for (at, fields) in http.iter().enumerate() {
        let servers = if fields.contains("servers") {
            ""
        } else {
            servers
        };
        text += &format!(
            "[[http-frontends]]\nname = \"stats{at}\"\nport = {}\n{fields}\n{servers}\n",
            5000 + at
        );
    }
    for (at, fields) in tcp.enumerate() {
        text += &format!(
            "[[tcp-frontends]]\nname = \"stats{at}\"\nport = {}\n{fields}\n{servers}\n",
            6000 + at
        );
    }
    text
}

#[test]
fn haproxy_keepalived_and_nftables_take_what_is_rendered() {
    let lab = Lab::new();
    let pem = certificate_of(&lab.folder.join("site.pem"));
    let all = frontends();
    let pair = [
        "ha-node=1",
        "ha-addresses=10.0.0.1/24,10.0.0.2/24",
        "ha-virtual-address=10.0.0.3/24",
    ];
    let six = [
        "ha-node=2",
        "ha-addresses=fd00::1/64,fd00::2/64",
        "ha-virtual-address=fd00::3/64",
    ];
    let many = [
        SERVERS,
        "tcp-servers=db1=10.0.0.21:5432",
        "stats-allow=10.0.0.0/8,2001:db8::/32,0.0.0.0/0",
    ];
    let own = [
        SERVERS,
        "http-balance=uri",
        "http-check=/up",
        "http-sticky=cookie",
        "max-connections=64",
        "stats-bind=127.0.0.1",
    ];
    let http = [
        "http-servers=names=a:1,ids=b:2",
        "http-sticky=source",
        "https-redirect=false",
        "https-port=4443",
    ];
    let wish = |name: &str, profile, flags, certificate| Wish {
        profile,
        flags,
        file: if name == "fields" { &all } else { "" },
        certificate,
    };
    for (name, profile, flags, certificate) in [
        ("nothing", "haproxy-node", &[][..], None),
        ("lists", "haproxy-node", &many[..], None),
        ("words", "haproxy-node", &own[..], None),
        (
            "tls",
            "haproxy-node",
            &["stats-tls=true", SERVERS][..],
            Some(&*pem),
        ),
        ("both", "haproxy-node", &http[..], Some(&*pem)),
        ("fields", "haproxy-node", &many[..], Some(&*pem)),
        ("pair", "haproxy-ha", &pair[..], None),
        ("six", "haproxy-ha", &six[..], Some(&*pem)),
    ] {
        let mut files = wish(name, profile, flags, certificate).files();
        files.insert(
            "/etc/nftables.d/ruleset".to_owned(),
            super::render::firewall(),
        );
        let machine = lab.machine(name, &["10.0.0.1/24", "fd00::2/64"], &files);
        let mut check = machine.inside("haproxy");
        check.args([
            "-c",
            "-f",
            "/etc/haproxy/haproxy.cfg",
            "-f",
            "/etc/haproxy/conf.d",
        ]);
        let output = run(&mut check);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!text.contains("WARNING"), "{name}: {text}");
        run(machine
            .inside("nft")
            .args(["-f", "/etc/nftables.d/ruleset"]));
        if profile == "haproxy-ha" {
            run(&mut machine.inside("/usr/lib/imgbuild/ha-interface"));
            run(machine.inside("keepalived").arg("--config-test"));
        }
    }
}
