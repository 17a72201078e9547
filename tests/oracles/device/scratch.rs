//! A root filesystem with the settings and files of a profile and with this machine's programs, in
//! which imgbuild-config runs as root of a namespace. Scripts stand in for the services and write
//! down their arguments.

use super::{build, files, image};
use crate::render::{render, wanted};
use imgbuild::compose::device::carried;
use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A running device.
pub(super) struct Device {
    folder: tempfile::TempDir,
}

/// The result of a command: its exit status and its output.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finished {
    pub(super) status: Option<i32>,
    pub(super) output: String,
}

impl Device {
    /// A device that is flashed with `profile` and not started yet.
    pub(super) fn flashed(profile: &str) -> Self {
        let device = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let spec = image(profile, &BTreeMap::new(), &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
        let known = carried(&spec, build()).unwrap();
        device.write(
            "usr/lib/imgbuild/settings/settings.json",
            &known.to_string(),
        );
        let made = files(&spec, &known, &serde_json::Map::new());
        for (path, text) in made.as_object().unwrap() {
            device.write(path, text.as_str().unwrap());
        }
        let context = spec.context(build());
        for file in wanted(&spec) {
            let path = file.path.to_string();
            if made.get(&path).is_none() {
                device.write(&path, &render(file, &context));
                device.mode(&path, file.ownership.mode.into());
            }
        }
        device.write("etc/passwd", "root:x:0:0::/root:/bin/sh\n");
        device.write("etc/group", "root:x:0:\nhaproxy:x:0:\n");
        device.write("etc/machine-id", "0123456789abcdef0123456789ab42cd\n");
        device.write("etc/hosts", "127.0.0.1\tlocalhost\n127.0.1.1\told\n");
        for folder in ["boot/firmware", "run", "tmp", "var/lib/imgbuild"] {
            fs_err::create_dir_all(device.path(folder)).unwrap();
        }
        for link in ["bin", "sbin", "lib", "lib64"] {
            symlink(format!("usr/{link}"), device.path(link)).unwrap();
        }
        // The program is one of several alternatives, by a link below /etc.
        fs_err::create_dir_all(device.path("etc/alternatives")).unwrap();
        let awk = fs_err::canonicalize("/usr/bin/awk").unwrap();
        symlink(awk, device.path("etc/alternatives/awk")).unwrap();
        for program in ["nft", "networkctl", "hostname"] {
            device.program(program, "");
        }
        device.services("true");
        device.gateway("true");
        device.program("haproxy", "! grep -q 'bind \\*:6666' /etc/haproxy/haproxy.cfg || { echo 'no such port'; exit 1; }\n\
             grep -q userlist /etc/haproxy/conf.d/*");
        device.program("nc", "echo Success=1");
        device.health("true");
        device
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path.trim_start_matches('/'))
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    }

    /// Copies a file of this machine into the device.
    pub(super) fn copy(&self, from: &Path, to: &str) {
        let to = self.path(to);
        fs_err::create_dir_all(to.parent().unwrap()).unwrap();
        fs_err::copy(from, to).unwrap();
    }

    pub(super) fn read(&self, path: &str) -> String {
        fs_err::read_to_string(self.path(path)).unwrap()
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    /// The permissions of a file.
    pub(super) fn mode_of(&self, path: &str) -> u32 {
        fs_err::metadata(self.path(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o7777
    }

    fn mode(&self, path: &str, mode: u32) {
        fs_err::set_permissions(self.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Makes a program that writes its arguments down and runs `then`.
    pub(super) fn program(&self, name: &str, then: &str) {
        let path = format!("usr/sbin/{name}");
        self.write(
            &path,
            &format!("#!/bin/sh\necho {name} \"$@\" >> /run/calls\n{then}\n"),
        );
        self.mode(&path, 0o755);
    }

    /// Makes the exit status of a line of shell decide whether the device is well.
    pub(super) fn health(&self, test: &str) {
        let text = format!(
            "#!/bin/sh\nif {test}; then echo service ok; else echo service FAIL not up; fi\n"
        );
        self.write("usr/lib/imgbuild/health", &text);
        self.mode("usr/lib/imgbuild/health", 0o755);
    }

    /// Puts the shipped health program back.
    pub(super) fn own_health(&self) {
        let text = include_str!("../../../overlays/base/root/usr/lib/imgbuild/health");
        self.write("usr/lib/imgbuild/health", text);
        self.mode("usr/lib/imgbuild/health", 0o755);
    }

    /// Makes the exit status of a line of shell decide whether the services are up.
    pub(super) fn services(&self, test: &str) {
        let up = "printf 'ActiveState=active\\nSubState=running\\n\\n'";
        let down = "printf 'ActiveState=failed\\nResult=exit-code\\n\\n'";
        let of_each = format!("shift 2; for unit; do if {test}; then {up}; else {down}; fi; done");
        self.program(
            "systemctl",
            &format!("if [ \"$1\" = show ]; then {of_each}; fi"),
        );
    }

    /// Makes the exit status of a line of shell decide whether the router of the uplink, 192.0.2.1,
    /// answers.
    pub(super) fn gateway(&self, test: &str) {
        let route = r#"[{"dst":"default","gateway":"192.0.2.1","dev":"eth0","flags":[]}]"#;
        let entry = r#"[{"dst":"192.0.2.1","lladdr":"52:54:00:00:00:01","state":["REACHABLE"]}]"#;
        let text = format!(
            "#!/bin/sh\ncase $* in\n*-4*route*) echo '{route}' ;;\n*-4*neigh*show*) \
             if {test}; then echo '{entry}'; else echo '[]'; fi ;;\n*-json*) echo '[]' ;;\nesac\n"
        );
        self.write("usr/sbin/ip", &text);
        self.mode("usr/sbin/ip", 0o755);
    }

    /// The calls of services since the last call of this function.
    pub(super) fn calls(&self) -> Vec<String> {
        let calls = fs_err::read_to_string(self.path("run/calls")).unwrap_or_default();
        self.write("run/calls", "");
        let calls = calls
            .lines()
            .filter(|line| !line.starts_with("systemctl show "));
        calls.map(str::to_owned).collect()
    }

    /// Runs a line of shell in the device.
    pub(super) fn run(&self, line: &str) -> Finished {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracles/device/inside.sh");
        let mut command = Command::new("unshare");
        command.args([
            "--user",
            "--map-root-user",
            "--mount",
            "--uts",
            "--net",
            "--pid",
            "--fork",
            "sh",
        ]);
        command
            .arg(script)
            .arg(self.folder.path())
            .args(["sh", "-c", line]);
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        Finished {
            status: output.status.code(),
            output: String::from_utf8(text).unwrap(),
        }
    }

    /// Runs a line of shell that must succeed.
    pub(super) fn succeed(&self, line: &str) -> String {
        let finished = self.run(line);
        assert_eq!(finished.status, Some(0), "{line}: {}", finished.output);
        finished.output
    }
}
