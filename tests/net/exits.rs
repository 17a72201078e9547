//! A running exit relay: it is the last relay of a circuit, and gives no way to the ports and networks that
//! it refuses.

use crate::image;
use crate::lab::Scan;
use crate::relays::judge;
use crate::tor_network::{NETWORK, Network, flags};
use std::path::Path;

const DEVICE: &str = "exit";
const ADDRESS: &str = "198.18.0.24";
const SOCKS: u16 = 9151;
const PAGE: &str = "visitor 198.18.0.24";

/// The root of the names of the lab in place of the world's. As it is the only server, unbound must not give
/// it up for a quarter of an hour because a busy machine was slow.
const UNBOUND: &str = "server:\n root-hints: /etc/unbound/lab.hints\n infra-host-ttl: 1\n";
const HINTS: &str = ". NS root.example.net.\nroot.example.net. A 198.18.0.53\n";

#[test]
fn an_exit_lets_out_what_its_policy_allows() {
    let network = &*NETWORK;
    let settings = [
        "nickname=LabExit",
        "contact=exit <abuse@example.org>",
        "exit-hostname=tor-exit.example.org",
        "i-accept-exit-liability=true",
    ];
    let tree = image::tree(DEVICE, "exit-relay", &settings);
    network.join(&tree, DEVICE, 24);
    let settings = ["", "exit-policy = web-only\nipv6 = true\nor-port = 9001"];
    let resolver = [
        "/etc/unbound/unbound.conf.d/10-exit.conf",
        "unbound.service 2.7",
    ];
    judge(&network.lab, DEVICE, "exit-relay", &settings, &resolver);
    // In the order of their units: Tor asks a resolver that did not answer less and less often.
    start_resolver(network, &tree);
    let lab = &network.lab;
    lab.start(DEVICE, &["tor@default.service"]);

    let listed = network.wait_for_consensus(DEVICE, "LabExit");
    assert!(flags(&listed).contains(&"Exit"), "{listed}");
    // The lab has no system bus, by which `clock` asks.
    lab.wait_for_health(DEVICE, &["clock"]);
    assert_eq!(lab.scan("internet", ADDRESS), Scan::of(&[22, 80, 443], &[]));
    let notice = network.fetch("internet", 0, &format!("http://{ADDRESS}/"));
    let notice = notice.unwrap();
    for line in ["tor-exit.example.org", "exit &lt;abuse@example.org&gt;"] {
        assert!(notice.contains(line), "no `{line}` in {notice}");
    }
    use_it(network);
    ask_for_what_it_refuses(network);
}

/// Starts the resolver of the image, with the root of the lab's names in place of the world's.
fn start_resolver(network: &Network, tree: &Path) {
    let lab = &network.lab;
    let unbound = tree.join("etc/unbound/unbound.conf.d/90-lab.conf");
    fs_err::write(tree.join("etc/unbound/lab.hints"), HINTS).unwrap();
    fs_err::write(&unbound, UNBOUND).unwrap();
    // The unit does that by a program that changes to another user, which the lab does not have.
    lab.shell(DEVICE, "cp /usr/share/dns/root.key /var/lib/unbound");
    let start = || {
        lab.start(DEVICE, &["unbound.service"]);
        lab.wait_for(DEVICE, "unbound-control status");
    };
    start();
    // It accepts only answers that are signed with the key of the world's root, which the lab does not have.
    let failing = lab.failing(DEVICE);
    assert!(failing.contains(&"resolver".to_owned()), "{failing:?}");
    lab.shell(DEVICE, "unbound-control stop");
    lab.wait_for(DEVICE, "! unbound-control status");
    fs_err::write(&unbound, format!("{UNBOUND} module-config: iterator\n")).unwrap();
    start();
}

/// A circuit of three relays ends here, and the exit looks names up beginning with the root.
fn use_it(network: &Network) {
    let lab = &network.lab;
    let fingerprint = lab.shell(DEVICE, "cut -d ' ' -f 2 /var/lib/tor/fingerprint");
    let only = format!(
        "ExitNodes ${fingerprint}\nStrictNodes 1\nControlSocket /tmp/control WorldWritable\n"
    );
    network.client("internet", SOCKS, &only);
    let page = network.wait_for_page("internet", SOCKS, "http://seen.example.net/");
    assert_eq!(page, PAGE);
    let log = lab.shell("internet", "cat /tmp/internet.log");
    let asked = |name: &str| {
        let end = format!(" {name} 1");
        let of_line = |line: &str| Some(line.strip_prefix("DNS ")?.strip_suffix(&end)?.to_owned());
        log.lines().filter_map(of_line).collect::<Vec<_>>()
    };
    let seen = asked("seen.example.net");
    assert!(!seen.is_empty(), "{log}");
    assert!(seen.iter().all(|by| by == ADDRESS), "{log}");
    // If the exit used another resolver, it would ask that for the whole name only.
    assert!(asked("net").contains(&ADDRESS.to_owned()), "{log}");
}

/// Asks for ports outside of the policy, private networks and the device itself, all of which answer a
/// request without Tor.
fn ask_for_what_it_refuses(network: &Network) {
    let refused = [
        "198.18.0.80:25",
        "198.18.0.80:7777",
        "192.168.7.80:80",
        "198.18.0.24:80",
        "127.0.0.1:80",
    ];
    for target in refused {
        let page = network.fetch(DEVICE, 0, &format!("http://{target}/"));
        assert!(page.is_ok(), "{target}: {page:?}");
    }
    let port = SOCKS.to_string();
    let mut ask = vec!["python3", "/tmp/lab/circuit.py", "/tmp/control", &port];
    let allowed = "198.18.0.80:80";
    ask.push(allowed);
    ask.extend(refused);
    ask.push(allowed);
    let answers = network.lab.stdout("internet", &ask);
    let answers: Vec<_> = answers.lines().collect();
    let [circuit, first, refusals @ .., last] = &answers[..] else {
        panic!("{answers:?}");
    };
    let relays: Vec<_> = circuit.split(' ').collect();
    assert!(matches!(relays[..], [_, _, "LabExit"]), "{circuit}");
    assert_eq!((*first, *last), (PAGE, PAGE));
    assert_eq!(refusals, ["refused, EXITPOLICY"; 5]);
}
