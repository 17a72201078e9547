//! The results of the probes of `probe.py`, and the packets that left the device meanwhile.

use std::collections::BTreeMap;

/// Results by the names of the probes, and each packet of the device that does not belong to its own Tor.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) results: BTreeMap<String, String>,
    pub(crate) leaked: Vec<String>,
}

impl Attempt {
    /// Reads the output of `capture.sh`.
    pub(crate) fn parse(output: &str) -> Self {
        let of_packet = |line: &str| line.strip_prefix("leaked: ").map(str::to_owned);
        let of_probe = |line: &str| {
            let (name, result) = line.split_once(": ")?;
            (name != "leaked").then(|| (name.to_owned(), result.to_owned()))
        };
        Self {
            results: output.lines().filter_map(of_probe).collect(),
            leaked: output.lines().filter_map(of_packet).collect(),
        }
    }

    /// The result of the probe `name`.
    pub(crate) fn result(&self, name: &str) -> &str {
        &self.results[name]
    }

    /// Checks that no probe was answered except those in `but`.
    pub(crate) fn assert_unanswered(&self, but: &[&str]) {
        for (name, result) in &self.results {
            let out =
                result == "answered" || result == "198.18.0.80" || result.starts_with("visitor");
            assert!(!out || but.contains(&name.as_str()), "{name}: {result}");
        }
    }

    /// Checks that names, a page and an onion service were reached through exits of Tor.
    pub(crate) fn assert_inside(&self) {
        assert_eq!(self.leaked, [""; 0]);
        assert_eq!(self.result("names of the gateway"), "198.18.0.80");
        assert_eq!(self.result("names of a stranger"), "198.18.0.80");
        assert!(by_an_exit(self.result("page")), "{self:?}");
        let onion = self.result("onion");
        assert!(by_an_exit(onion), "{self:?}");
        assert!(
            onion.starts_with("10."),
            "an onion's address is of 10.192.0.0/10"
        );
    }

    /// Checks that every packet left the device and was answered if it has a receiver: the capture sees
    /// leaks.
    pub(crate) fn assert_leaky(&self) {
        assert!(
            self.result("page").starts_with("visitor 192.168.42."),
            "{self:?}"
        );
        for name in ["quic", "time", "mdns", "echo"] {
            assert_eq!(self.result(name), "answered", "{name}");
        }
        let kinds = [
            " A? leak.example.net.",
            ".443: ",
            ".123: ",
            ".5353: ",
            "ICMP echo request",
            "Flags [R]",
            "Flags [F.]",
            "Flags [S]",
            "sctp",
            "GRE",
            "ESP",
            "IP6 fd42::12.",
        ];
        for kind in kinds {
            let seen = self.leaked.iter().any(|packet| packet.contains(kind));
            assert!(seen, "no `{kind}` in {:#?}", self.leaked);
        }
    }
}

/// Whether `page` says that its visitor was one of the lab's exits.
fn by_an_exit(page: &str) -> bool {
    ["14", "15", "16"]
        .iter()
        .any(|host| page.ends_with(&format!("visitor 198.18.0.{host}")))
}
